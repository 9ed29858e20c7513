"""Decides which values look like secrets: not placeholders, and rarely words, numbers or ids.

All are pure functions of one short text, without its surroundings.
"""

import re
from functools import lru_cache

from journal.redaction.later import compiled_later
from journal.redaction.vocabulary import ABBREVIATIONS, NOTHING

MAX_JUDGED = 80
"""Only so many characters of a value are judged."""
_MAX_PLACEHOLDER = 512

SCHEMES = frozenset(("bearer", "basic", "digest", "negotiate", "ntlm"))
"""Words before the credentials in a header."""
_PLACEHOLDER = compiled_later(
    r"""(?xs)
    \[REDACTED(?::[a-z-]+)?\] | \[(?i:redacted|removed|masked|hidden|filtered|secret)\]
    | \$\{\{.*\}\} | \{\{.*\}\} | \{%.*%\} | <%.*%>
    | \$\{[\w.:/-]+(?:\}|:?\?[^}]*\}|:?-\}) | \$[A-Z_][A-Z0-9_]* | \$\d | \$\([^()]*\) | \$env:\w+
    | %[A-Za-z_]\w*% | %\(\w+\)s | %s | \{(?:[A-Za-z_][\w.:\[\]'"() ]*)?\} | \#\{[^{}]+\} | :[a-z_]+ | \?
    | <[^<>]{1,80}> | \((?:sensitive|known|redacted|hidden)[\w ]*\)
    | (?:sk-|ghp_|Bearer\s|Basic\s)?(?:[*•●…xX._]{3,}|\.{3})
    | (?:[a-z]{1,6}[-_])*[A-Za-z]{0,4}(?:\*{3,}|…|\.{3})[A-Za-z0-9]{0,6}
    | [\w.-]{0,24}?([xX*•])\1{7,}[xX*•\w.-]* | :["']\w+["'] | \$\([^()]*\([^()]*\)[^()]*\)
    | (?:\\+[nrt0])+ | (?:required|nullable|sometimes|confirmed|string|min:\d+)\|[\w|:,.]* | \$[A-Za-z]{1,2}
    | (?i:your|insert|replace|change)[-_ ](?i:[a-z]+[-_ ])*
      (?i:key|token|secret|password|passwd|here|me|this|it)(?:[-_ ](?i:here|goes|value))*
    | (?:os\.environ|process\.env|os\.getenv|import\.meta\.env|Deno\.env|System\.getenv|ENV|env)
      [.(\[][\w.\[\]("']*[\])"']{0,3}!? | \$__\w+\{[^{}]*\}
    | (?:op|vault|aws-sm|gcp-sm|ssm|keyring|secretsmanager|file|env|secret|secretref):[/\w].*
    | arn:aws[\w-]*:(?:secretsmanager|ssm|kms):.* | @Microsoft\.KeyVault\(.*
    | projects/[^/]+/secrets/.* | /run/secrets/.* | !(?:ENV|Env|env|Ref|Sub|GetAtt|vault|secret|env_var)\b.*
    """
)
_SCHEME = compiled_later(
    r"(?:bearer|basic|token|digest|apikey|negotiate)[ \t]+(?=\S)", re.IGNORECASE
)
_FIELD = compiled_later(
    r"%(?:\(\w+\))?[srd]|\$?\{[A-Za-z_]?[\w.!]*\}|\$[A-Z_]+\b|<[a-zA-Z][\w -]*>"
)
_SHOWN_PATH = compiled_later(
    r"@?(?:(?:~|\.{1,2}|[A-Za-z]:)?[/\\][\w .~/\\-]+\.[A-Za-z0-9]{1,5}|(?:~|\.{1,2})/[\w./-]+)"
)
_FOLDER = compiled_later(
    r"(?:~|\.{1,2}|[A-Za-z]:)?(?:[/\\][\w .,~/\\:@+()-]*)?|\w[\w.-]*(?:/[\w.-]+)+/?"
)
_MASKED = compiled_later(
    r"(?:[*<>()\[\]{}_#.-]|%(?:25)*5B)*+(?:redacted|removed|masked|hidden|filtered|sanitized|scrubbed|censored|(?:data\+)?omitted)"
    r"(?:[*<>()\[\]{}_#./-]|%(?:25)*5D)*+",
    re.IGNORECASE,
)
FILLER = compiled_later(r"([xX0*#•])\1{9,}|(?:[xX]{3,}[-_.]){3}")
"""A row of one character, put in place of a secret; no secret has one."""

_PIECES = compiled_later(r"[A-Za-z0-9]+")
_WORD = compiled_later(r"[A-Z]?[a-z]+|[A-Z]+")
_NUMBERED = compiled_later(
    r"([A-Z]?[a-z]{3,}|[A-Z]{3,})[0-9]{1,4}|[0-9]{1,12}|v?[0-9]{1,4}[a-z]{0,2}"
)
_HUMPS = compiled_later(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_VOWEL = compiled_later(r"[aeiouyAEIOUY]")
_CONSONANTS = compiled_later(r"[b-df-hj-np-tv-xz]{6}", re.IGNORECASE)
_UUID = compiled_later(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEX = compiled_later(r"(?i)(?=.*[0-9])[0-9a-f]{16,}")
_PADDED = compiled_later(
    r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?:[A-Za-z0-9+/]{4})+(?:[\w+/]{2}==|[\w+/]{3}=)"
)
_PLAIN = compiled_later(  # forms that are never secrets
    r"""(?xi)
    [\w.+-]+@[\w-]+\.[\w.-]+ | [a-z][a-z0-9+.-]*://\S* | (?:~|\.{1,2})?/[\w./@ -]*
    | [0-9T:.,+\s/Z-]+ | (?:sha\d+|md5)[:-][\w+/=-]+ | (?:ssh-\w+|ecdsa-\S+)\s.*
    | (?:call|toolu|msg|chatcmpl|resp|run|req|thread|asst|file|item|evt|step|fc|rs)[_-][\w-]+
    | <[^<>]*> | \S+\.(?:py|js|ts|json|ya?ml|md|txt|html?|css|png|jpe?g|pdf|csv|go|rs|pem|crt)
    """
)


@lru_cache(maxsize=1024)
def is_placeholder(value: str) -> bool:
    """Whether a value only stands for a secret, or is empty: `${NAME}`, `Bearer $T`, `true`."""
    value = value.strip()
    if len(value) <= 3 and not any(map(str.isalnum, value)):
        return True
    if value.lower() in NOTHING or value.lower() in SCHEMES:
        return True
    if len(value) > _MAX_PLACEHOLDER:
        return False
    if _PLACEHOLDER.fullmatch(value) or _MASKED.fullmatch(value):
        return True
    scheme = _SCHEME.match(value)
    return _is_template(value) or (scheme is not None and is_placeholder(value[scheme.end() :]))


def _is_template(value: str) -> bool:
    """Whether a value consists of fields to be filled in: `{user}:{password}`, `%s:%s`."""
    rest, fields = _FIELD.subn("", value)
    return fields > 0 and not any(map(str.isalnum, rest))


def is_uuid(value: str) -> bool:
    """Whether a value is a UUID; most are ids."""
    return _UUID.fullmatch(value) is not None


def is_path(value: str) -> bool:
    """Whether a value names a file."""
    return len(value) <= _MAX_PLACEHOLDER and _SHOWN_PATH.fullmatch(value) is not None


def is_folder(value: str) -> bool:
    """Whether a value names a folder, like that of `PWD`: from the root, or made of words."""
    if len(value) > _MAX_PLACEHOLDER or _FOLDER.fullmatch(value) is None:
        return False
    return not value[:1].isalnum() or value[1:2] == ":" or not is_random(value, 6)


def is_random(value: str, shortest: int = 8, *, strict: bool = False) -> bool:
    """Whether a value looks random, rather than made of words and numbers.

    With `strict` it must be longer, and ids and digests do not count as random.
    """
    value = value[:MAX_JUDGED].strip()
    if len(value) < shortest or " " in value or not value.isprintable():
        return False
    if _UUID.fullmatch(value) or _HEX.fullmatch(value):
        return not strict
    if _PLAIN.fullmatch(value) or is_placeholder(value):
        return False
    if "abcdefghijklmnopq" in value.lower():
        return False
    if len(value) >= 20 and _PADDED.fullmatch(value):
        return True
    pieces = _PIECES.findall(value)
    odd = sum(len(piece) for piece in pieces if not _is_wordy(piece))
    total = sum(map(len, pieces))
    if strict:
        return len(value) >= 20 and odd * 2 > total and re.search(r"[/.:]", value) is None
    return odd >= min(6, shortest - 2) and odd * 3 >= total


@lru_cache(maxsize=1024)
def _is_wordy(piece: str) -> bool:
    """Whether a run of letters and digits is a word, words run together, or a number."""
    if piece.lower() in ABBREVIATIONS:
        return True
    if _WORD.fullmatch(piece):
        return len(piece) <= (5 if piece.isupper() else 3) or (
            _VOWEL.search(piece) is not None and _CONSONANTS.search(piece) is None
        )
    numbered = _NUMBERED.fullmatch(piece)
    if numbered is not None:
        return numbered[1] is None or _VOWEL.search(piece) is not None
    if not piece.isalpha():
        stem = piece.rstrip("0123456789")
        return stem.isalpha() and len(piece) - len(stem) <= 4 and _is_wordy(stem) and len(stem) > 4
    humps = _HUMPS.findall(piece)
    return len(humps) * (3 if len(piece) >= 16 else 2.5) <= len(piece) and all(
        len(hump) <= (5 if hump.isupper() else 4) or _VOWEL.search(hump) for hump in humps
    )
