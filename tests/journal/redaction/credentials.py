"""Secrets of each kind that is known by its looks, and names whose values are secret."""

# Put together here, so that nobody's scanner takes this file for a leak.
BODY = "a1B2" * 15
PEM = "{0}BEGIN {1}{0}\nMIIBOgIBAAJB\nAKj34Gkx\n{0}END {1}{0}"

SECRETS: list[tuple[str, str]] = [
    ("anthropic-key", "sk-" + "ant-api03-" + BODY),
    ("openai-key", "sk-" + BODY[:24]),
    ("openai-key", "sk-" + "proj-" + BODY[:20] + "_" + BODY[:20]),
    *(
        ("stripe-key", f"{start}_" + BODY)
        for start in ("sk_live", "sk_test", "rk_live", "rk_test")
    ),
    *(("github-token", f"gh{letter}_" + BODY[:36]) for letter in "pousr"),
    ("github-token", "github_" + "pat_" + BODY[:22] + "_" + BODY),
    ("gitlab-token", "glpat-" + BODY[:20]),
    *(("aws-key", f"A{letter}IA" + "ABCD2345" * 2) for letter in "KS"),
    ("google-key", "AIza" + BODY[:35]),
    ("google-key", "ya29" + ".a0Af" + BODY),
    *(("slack-token", f"xox{letter}-" + "123456789012-" + BODY[:24]) for letter in "abepors"),
    ("slack-token", "xapp-" + "1-A01-" + BODY[:24]),
    ("huggingface-token", "hf_" + BODY[:34]),
    ("npm-token", "npm_" + BODY[:36]),
    ("jwt", "ey" + "JhbGciOiJIUzI1NiJ9." + "ey" + "JzdWIiOiIxIn0." + BODY[:43]),
    *(
        ("private-key", PEM.format("-" * 5, f"{label}PRIVATE KEY"))
        for label in ("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ")
    ),
    ("private-key", PEM.format("-" * 5, "PGP PRIVATE KEY BLOCK")),
]

SENSITIVE = [
    *("password", "passwd", "passphrase", "db_password", "secret", "client_secret", "credentials"),
    *("api_key", "openai_api_key", "secret_access_key", "private_key", "auth_key"),
    *("access_token", "refresh_token", "id_token", "auth_token", "bot_token", "passwords"),
    *("authorization", "session_token", "x_api_key", "password_confirmation", "db_password_2"),
]
"""Names of which every value is a secret."""
AMBIGUOUS = ["token", "pass", "auth", "key", "redis_key", "cookie", "upload_token", "keys"]
"""Names of which the value decides."""

STYLES = {
    "snake": str,
    "camel": lambda key: "".join([key.split("_")[0], *map(str.capitalize, key.split("_")[1:])]),
    "Pascal": lambda key: "".join(map(str.capitalize, key.split("_"))),
    "kebab": lambda key: key.replace("_", "-"),
    "Header": lambda key: "-".join(map(str.capitalize, key.split("_"))),
    "UPPER": str.upper,
}
