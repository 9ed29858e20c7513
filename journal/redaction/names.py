"""Decides which names are names of secrets: keys of objects, variables, headers, options.

Every value of a *certain* name (`password`, `api_key`) is a secret, except empty values,
booleans and placeholders. For an *ambiguous* name (`token`, `key`, `pass`), the value decides.
A name is read as words, whatever joins them: `dbPassword`, `DB_PASSWORD`, `db.password`,
`db-password` and `--db-password2` are the same name.
"""

from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from journal.redaction.later import compiled_later
from journal.redaction.vocabulary import (
    ACTIONS,
    KEY_CERTAIN,
    KEY_HARMLESS,
    NAMING,
    PASS_CERTAIN,
    PASS_VARIABLES,
    PASSWORDS,
    QUALIFIERS,
    TOKEN_CERTAIN,
    TOKEN_HARMLESS,
)

Kind: TypeAlias = Literal[
    "password", "api-key", "token", "cookie", "authorization", "secret", "private-key"
]

MAX_NAME = 128
"""Characters of the longest name that is looked at."""


class Sensitivity(NamedTuple):
    """What a name says about its value."""

    kind: Kind
    certain: bool
    plural: bool = False
    strict: bool = False
    """The value must look very much like a secret: other things often have this name."""
    folder: bool = False
    """A path is not a secret: `PWD` is a working folder, but in connection strings a password."""


_WORDS = compiled_later(r"[A-Z]+(?![a-z])|[A-Z]?[a-zñç]+|[0-9]+|[^\W\d_a-zA-Z]+")


_GLUED = compiled_later(
    r"(?:(password|passwd|passphrase|passwort|kennwort|userpwd|dbpwd)"
    r"|(apikey|secretkey|accesskey|encryptionkey|signingkey|masterkey|accountkey|authkey)"
    r"|(privatekey)"
    r"|(accesstoken|authtoken|refreshtoken|apitoken|bearertoken|sessiontoken|bottoken|idtoken"
    r"|oauthtoken|accesstok)"
    r"|((?:client|app|api|shared|consumer|webhook|signing|jwt|auth|my)secret))s?\Z"
)
_GLUED_KINDS: tuple[Kind, ...] = ("password", "api-key", "private-key", "token", "secret")

_SECRET_LAST = frozenset(("secret", "secrets", "credential", "credentials"))


@lru_cache(maxsize=4096)
def sensitivity(name: str) -> Sensitivity | None:
    """What a name says about its value; None if nothing."""
    if "::" in name:
        return None  # the type of a resource: `AWS::SecretsManager::Secret`
    if len(name) > MAX_NAME:
        name = name[-MAX_NAME:]
    words = [word.lower() for word in _WORDS.findall(name)]
    named = False
    while len(words) > 1 and (words[-1] in QUALIFIERS or words[-1].isdigit()):
        named |= words.pop() in NAMING
    if not words:
        return None
    found = _of_words(words)
    if found is None and name.isalnum():
        found = _glued(name.lower().rstrip("0123456789"))
    if found is None and name.isupper() and words[-1] in PASS_VARIABLES:
        found = Sensitivity("password", True)
    if found is None:
        return None
    if found.certain and (named or (len(words) > 1 and words[0] in ACTIONS)):
        return found._replace(certain=False)
    if words[-1] == "pwd" and set(words[:-1]) <= QUALIFIERS:
        return found._replace(folder=True)
    return found


def _glued(name: str) -> Sensitivity | None:
    match = _GLUED.search(name)
    if match is None or match.lastindex is None:
        return None
    return Sensitivity(_GLUED_KINDS[match.lastindex - 1], True, name.endswith("s"))


_PLAIN: dict[str, Sensitivity] = {
    "authorization": Sensitivity("authorization", True),
    **dict.fromkeys(("auth", "auths"), Sensitivity("authorization", False)),
    **dict.fromkeys(
        ("cookie", "cookies", "jsessionid", "phpsessid"), Sensitivity("cookie", False)
    ),
    **dict.fromkeys(("otp", "pat"), Sensitivity("token", False)),
    **dict.fromkeys(("sig", "signature"), Sensitivity("token", False, strict=True)),
    "mnemonic": Sensitivity("secret", False, strict=True),
    "creds": Sensitivity("secret", False, plural=True),
}


def _of_words(words: list[str]) -> Sensitivity | None:
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    plural = last.endswith("s") and not last.endswith("pass")
    if last in PASSWORDS or (before, last) == ("de", "passe"):
        return Sensitivity("password", True, plural)
    if last == "pass":
        return Sensitivity("password", before in PASS_CERTAIN)
    if last in _SECRET_LAST:
        return Sensitivity("secret", True, plural)
    if last in ("key", "keys"):
        return _of_key(words, before, plural)
    if words[-3:] == ["client", "key", "data"]:
        return Sensitivity("private-key", True)  # in the settings of `kubectl`
    if last in ("token", "tokens"):
        return _of_token(before, plural)
    if last == "phrase" and before in ("seed", "recovery"):
        return _PLAIN["mnemonic"]
    if last == "signature" and before in ("thought", "thinking", "reasoning"):
        return None  # a model's own signature, which must stay as it is
    return _PLAIN.get(last) or _glued(last)


def _of_key(words: list[str], before: str, plural: bool) -> Sensitivity | None:
    if before == "private":
        return Sensitivity("private-key", True, plural)
    if before in KEY_CERTAIN or words[-3:-1] in (["service", "role"], ["x", "api"]):
        return Sensitivity("api-key", True, plural)
    if before in KEY_HARMLESS:
        return None
    return Sensitivity("api-key", False, plural, strict=not before)


def _of_token(before: str, plural: bool) -> Sensitivity | None:
    if before in TOKEN_CERTAIN:
        return Sensitivity("token", True, plural)
    if before in TOKEN_HARMLESS:
        return None
    return Sensitivity("token", False, plural)
