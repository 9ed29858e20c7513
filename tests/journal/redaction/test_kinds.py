"""Every prefix of every maker is known, in texts and to the quick search, and words are not."""

import json

import pytest

from journal.redaction import may_hold_secrets, redact_text, search_by_marker
from journal.redaction.kinds import SHAPES
from journal.redaction.names import sensitivity
from journal.redaction.values import is_placeholder, is_random

_HEX, _UPPER = "0123456789abcdef", "ABCD2345"
_BODIES = [
    "a1B2" * 18,
    _HEX * 4,
    _HEX * 2 + "-1",
    _HEX * 2 + "_" + _HEX[:10],
    _HEX * 2,
    _HEX * 3,
    _HEX[:10] * 4,
    _HEX[:8] * 3 + "-" + _HEX[:2] * 17,
    _UPPER * 2,
    _UPPER * 9,
    _UPPER[:9] * 3 + "ABC",
    _UPPER * 3 + "." + _UPPER * 8,
    "a1B2" * 5 + "." + "c3D4" * 5,
    "a1B2" * 14 + "xY",
    "T0A1B2C3D" + "/B0A1B2C3D/" + "a1B2" * 6,
    "services/T0A1B2C3D" + "/B0A1B2C3D/" + "a1B2" * 6,
    "a1B2c" * 6 + "xyz",
    "a1B2" * 10 + "xyZ",
    "a1B2" * 8 + "xY",
    "auth-" + "a1B2" * 6,
    _HEX[:10] * 4 + "",
    "JhbGciOiJIUzI1NiJ9." + "ey" + "JzdWIiOiIxIn0." + "a1B2" * 10,
]
_BEFORE = {
    ":AA": "123456789",
    "/webhooks/": "https://discord.com/api",
    "8Q~": "a1B",
    ".atlasv1.": "a1B2c3D4e5F6g7",
}
_BEFORE_NUMBER = {"/webhooks/": "123456789012345678/"}
_OTHERWISE = {".G", ".X", ".Y", ".Z", "-----BEGIN", "PuTTY-User-Key-File", "AzureWebJobs"}
MARKERS = [(s.kind, m) for s in SHAPES for m in s.markers if m not in _OTHERWISE]


def test_every_prefix_of_every_kind_begins_a_secret() -> None:
    for kind, marker in MARKERS:
        check_that_it_begins_a_secret(kind, marker)


def check_that_it_begins_a_secret(kind: str, marker: str) -> None:
    whole = [
        _BEFORE.get(marker, "") + marker + _BEFORE_NUMBER.get(marker, "") + body
        for body in _BODIES
    ]
    found = [text for text in whole if f"[REDACTED:{kind}]" in redact_text(f"see {text} there")]
    assert found, whole[0]
    for text in found:
        encoded = json.dumps({"content": f"see {text} there"}).encode()
        assert may_hold_secrets(encoded)
        assert search_by_marker(encoded)


@pytest.mark.parametrize("third", "GXYZ")
def test_tokens_of_discord_bots_are_known_by_their_three_parts(third: str) -> None:
    token = "MTIz" + "NDU2Nzg5MDEyMzQ1Njc4" + f".{third}a1B2c." + "a1B2" * 7
    assert redact_text(f"Bot {token}") == "Bot [REDACTED:discord-token]"


def test_a_key_of_putty_goes() -> None:
    text = "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n" + "a1B2" * 12 + "\n"
    assert "a1B2" not in redact_text(text)


@pytest.mark.parametrize("newline", ["\n", "\\n", "\\\\n", "\r\n", "\\r\\n"])
@pytest.mark.parametrize(
    "label", ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"]
)
def test_a_private_key_goes_whole_and_cut_at_either_end(label: str, newline: str) -> None:
    dashes = "-" * 5
    lines = ["MIIEpAIBAAKCAQEA" * 4, "b3BlbnNzaC1rZXkt" * 4, "a1B2c3D4=="]
    body = newline.join(lines)
    key = f"{dashes}BEGIN {label}{dashes}{newline}{body}{newline}{dashes}END {label}{dashes}"
    assert redact_text(f'k = "{key}" # x') == 'k = "[REDACTED:private-key]" # x'
    for cut in (len(label) + 30, 90, 120):
        assert "MIIE" not in redact_text(f"see {key[:cut]}")
    for cut in (50, 70, 110):
        assert "a1B2c3D4" not in redact_text(key[cut:])


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn-is-a-library-of-machine-learning",
        "fix/task-sk-rewrite-the-whole-scheduler-again",
        "npm_config_registry_of_the_whole_company_and_more",
        "tvly-is-the-prefix-of-a-search-engine",
        "secret_manager_of_the_cloud_provider_of_the_team",
        "the prefixes ghp_ gho_ github_pat_ glpat- AKIA AIza xoxb- sk-ant- hf_ npm_ hvs.",
    ],
)
def test_words_behind_a_prefix_are_no_secret(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    ("name", "certain"),
    [
        *((name, True) for name in ("password", "dbPassword", "DB_PASSWORD", "db.password")),
        *((name, True) for name in ("new-password", "password2", "passwords", "PGPASSWORD")),
        *((name, True) for name in ("apikey", "APIKey", "x-api-key", "OPENAI_API_KEY_PROD")),
        *(
            (name, True)
            for name in ("SECRET_KEY_BASE", "clientSecret", "credentials", "SMTP_PASS")
        ),
        *(
            (name, True)
            for name in ("access_token", "csrfToken", "service_role_key", "privateKey")
        ),
        *((name, False) for name in ("token", "tokens", "pass", "key", "auth", "cookie")),
        *(
            (name, False)
            for name in ("upload_token", "redis_key", "hasPassword", "reset_password")
        ),
        *((name, None) for name in ("max_tokens", "next_page_token", "primary_key", "author")),
        *(
            (name, None)
            for name in ("monkey", "passenger", "tokenizer", "secretary", "token_type")
        ),
        *((name, None) for name in ("secret_name", "password_field", "keyboard", "key_id", "")),
    ],
)
def test_names_are_certain_or_ambiguous_or_say_nothing(name: str, certain: bool | None) -> None:
    says = sensitivity(name)
    assert (says.certain if says is not None else None) is certain


@pytest.mark.parametrize(
    "value", ["a1B2c3D4", "hunter2-Zq9-Lm4", _HEX, "dXNlcjpwYXNz", "Zq9_x7W-p"]
)
def test_what_is_drawn_at_random_is_told(value: str) -> None:
    assert is_random(value)


@pytest.mark.parametrize(
    "value",
    [
        *("hello", "correcthorsebattery", "user_id", "getUserById", "2026-01-02", "12345678"),
        *(
            "src/auth/token.py",
            "me@example.org",
            "https://example.com/a1B2c3D4",
            "sha256",
            "ISO-8859-1",
        ),
        *(
            "tests/test_a.py::test_one",
            "HTTP_REFERER",
            "ctrl+shift+k",
            "call_9fD2kQ7xVb31",
            "v1.2.3",
        ),
    ],
)
def test_words_numbers_paths_and_ids_are_not_drawn_at_random(value: str) -> None:
    assert not is_random(value)


@pytest.mark.parametrize(
    "value", ["hunter2", "$ecret", "xXpassXx", "*secret*", "<3 you", "{a", "changeme"]
)
def test_what_only_looks_like_a_placeholder_is_none(value: str) -> None:
    assert not is_placeholder(value)
