"""Which names are names of secrets: keys of objects, variables, headers, options.

Of a *certain* name (`password`, `api_key`) every value is a secret, but for empty ones,
booleans and placeholders. Of an *ambiguous* name (`token`, `key`, `pass`) the value
decides. A name is read as words, whatever joins them: `dbPassword`, `DB_PASSWORD`,
`db.password`, `db-password` and `--db-password2` are the same name.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

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
    """The value must look very much like a secret: the name is often something else's."""


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-zñç]+|[0-9]+|[^\W\d_a-zA-Z]+")

_QUALIFIERS = frozenset(
    """old new prod production dev devel development staging stage test testing live local default
    current previous secondary backup base64 b64 value val plain plaintext raw string str
    binary encrypted hash hashed confirmation confirm again repeat admin root env header base
    a b c v us eu wo""".split()
)
"""Words after the one that decides: `password_confirmation`, `SECRET_KEY_BASE`."""

_ACTIONS = frozenset(
    """is has show hide reset forgot forgotten require requires required enable enabled disable
    disabled allow allowed no missing invalid wrong incorrect weak change changed validate get
    fetch read load parse encrypt decrypt rotate revoke generate min max num count total number
    need needs use uses using with without if can should must save remember toggle""".split()
)
"""Words before it that make it the name of a deed, a message or a switch."""

_PASSWORDS = frozenset(
    """password passwords passwd passwds passphrase passphrases passcode passcodes pwd pwds pw
    passwort kennwort contraseña contrasena senha pswd passwrd psw requirepass masterauth
    masteruserpassword bindpw rootpw storepass keypass userpass dbpass dbpasswd пароль
    密码 密碼 パスワード 비밀번호""".split()
)
_GLUED = re.compile(
    r"(?:(password|passwd|passphrase|passwort|kennwort|userpwd|dbpwd)"
    r"|(apikey|secretkey|accesskey|encryptionkey|signingkey|masterkey|accountkey|authkey)"
    r"|(privatekey)"
    r"|(accesstoken|authtoken|refreshtoken|apitoken|bearertoken|sessiontoken|bottoken|idtoken"
    r"|oauthtoken|accesstok)"
    r"|((?:client|app|api|shared|consumer|webhook|signing|jwt|auth|my)secret))s?\Z"
)
_GLUED_KINDS: tuple[Kind, ...] = ("password", "api-key", "private-key", "token", "secret")

_KEY_CERTAIN = frozenset(
    """api secret access encryption decryption signing master auth shared account hmac unseal
    subscription cipher""".split()
)
_KEY_HARMLESS = frozenset(
    """public pub primary foreign sort partition cache row range index routing object group lookup
    idempotency dedup dedupe deduplication translation i18n locale message config setting
    settings registry host hot shortcut modifier arrow function soft json tag label metadata
    unique composite natural surrogate candidate alternate super parent child last first next
    prev previous start end etag s3 state store event field column property attribute item entry
    dict map join order bucket blob file image media publishable answer react cursor resume
    sequence secondary reference ref project issue feature flag step node edge component msg
    conversation thread chat channel tenant resource kms stream shard memo merge dependency lock
    limit rate hash known authorized enter escape tab space shift ctrl alt meta delete insert
    home up down left right page any which press pressed no this that the search_result
    i8n sorting grouping xml data yaml env verify verifying verification ssh gpg pgp""".split()
)
_TOKEN_CERTAIN = frozenset(
    """access refresh auth authentication authorization api bearer bot oauth oauth2 security
    session id personal private csrf xsrf secret github gitlab slack npm hf pat deploy
    webhook jwt vault""".split()
)
_TOKEN_HARMLESS = frozenset(
    """next page continuation pagination paging cursor sync start stop eos bos pad unk cls sep
    mask special end begin first last max min num total prompt completion input output cached
    cache reasoning count per image audio text added design cancel cancellation lexer syntax class
    color colour draft generated predicted sampled top thinking budget of used remaining
    estimated avg average context system tool visible hidden new previous prev nextpage""".split()
)
_PASS_CERTAIN = frozenset(
    """db database smtp mail email user admin root mysql postgres pg redis ftp sftp ssh wifi login my
    sudo imap rabbitmq amqp mongo mongodb ldap http proxy basic auth account default jenkins
    registry docker master sql oracle mssql""".split()
)
_SECRET_LAST = frozenset(("secret", "secrets", "credential", "credentials", "creds"))
_PHRASES = frozenset(("mnemonic", "seed", "phrase", "mnemonics"))


@lru_cache(maxsize=4096)
def sensitivity(name: str) -> Sensitivity | None:
    """What a name says about its value; None if nothing."""
    if len(name) > MAX_NAME:
        name = name[-MAX_NAME:]
    words = [word.lower() for word in _WORDS.findall(name)]
    while len(words) > 1 and (words[-1] in _QUALIFIERS or words[-1].isdigit()):
        words.pop()
    if not words:
        return None
    found = _of_words(words)
    if found is None and name.isalnum():
        found = _glued(name.lower().rstrip("0123456789"))
    if found is not None and found.certain and len(words) > 1 and words[0] in _ACTIONS:
        return found._replace(certain=False)
    return found


def _glued(name: str) -> Sensitivity | None:
    match = _GLUED.search(name)
    if match is None or match.lastindex is None:
        return None
    return Sensitivity(_GLUED_KINDS[match.lastindex - 1], True, name.endswith("s"))


def _of_words(words: list[str]) -> Sensitivity | None:
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    plural = last.endswith("s") and not last.endswith("pass")
    if last in _PASSWORDS:
        return Sensitivity("password", True, plural)
    if last == "passe" and before == "de":
        return Sensitivity("password", True)
    if last in _SECRET_LAST:
        return Sensitivity("secret", not (last == "creds"), plural)
    match last:
        case "key" | "keys":
            return _of_key(words, before, plural)
        case "token" | "tokens":
            return _of_token(before, plural)
        case "pass":
            return Sensitivity("password", before in _PASS_CERTAIN)
        case "authorization":
            return Sensitivity("authorization", True)
        case "auth" | "auths":
            return Sensitivity("authorization", False)
        case "cookie" | "cookies" | "jsessionid" | "phpsessid":
            return Sensitivity("cookie", False)
        case "otp" | "pat":
            return Sensitivity("token", False)
        case "sig" | "signature":
            return Sensitivity("token", False, strict=True)
    if last in _PHRASES and (before in ("seed", "recovery", "mnemonic") or last == "mnemonic"):
        return Sensitivity("secret", False, strict=True)
    return _glued(last)


def _of_key(words: list[str], before: str, plural: bool) -> Sensitivity | None:
    if before == "private":
        return Sensitivity("private-key", True, plural)
    if before in _KEY_CERTAIN or words[-3:-1] in (["service", "role"], ["x", "api"]):
        return Sensitivity("api-key", True, plural)
    if before in _KEY_HARMLESS:
        return None
    return Sensitivity("api-key", False, plural, strict=not before)


def _of_token(before: str, plural: bool) -> Sensitivity | None:
    if before in _TOKEN_CERTAIN:
        return Sensitivity("token", True, plural)
    if before in _TOKEN_HARMLESS:
        return None
    return Sensitivity("token", False, plural)
