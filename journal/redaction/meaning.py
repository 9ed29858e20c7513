"""What a value means: a secret, a reference to one, the name of one, or a piece of a program.

All functions judge one value, without its surroundings.
"""

import re

from journal.redaction.annotations import is_type
from journal.redaction.cookies import holds_session
from journal.redaction.later import compiled_later
from journal.redaction.names import Sensitivity, sensitivity
from journal.redaction.values import is_folder, is_path, is_placeholder, is_random, is_uuid
from journal.redaction.vocabulary import ACCESS, CODE, LOGINS, ROOTS, STATUS

PROSE = compiled_later(
    r"\b(?:the|an?|is|are|must|should|may|can|be|of|for|your|and|or|with|from|used|will|not|if|this|that|when"
    r"|which|to|in|on|by|as|it|we|you|no|at|has|have|was|using|see|please|only|need|needs"
    r"|keys?|tokens?|passwords?|credentials?|secrets?|object|string|authentication)\b",
    re.IGNORECASE,
)
_CLASS = compiled_later(r"_?(?:[A-Z][a-z0-9]*){2,}(?<=[a-z])")
_CALLED = compiled_later(r"[&*!@]*[A-Za-z_$][\w$.:>?-]*!?\(")
_MEMBER = compiled_later(
    r"[&*!@$]*+([A-Za-z_][\w$]*)((?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$]*)+)(?:\[.*)?[;,)]*"
)
_INDEXED = compiled_later(r"[A-Za-z_$][\w$.]*[\[<].*")
_VARIABLE = compiled_later(r"\$[A-Za-z_][A-Za-z_]*+")
_FILE = compiled_later(r"[A-Za-z_-]\.[A-Za-z]{1,5}\Z|[/\\]")
IDENTIFIER = compiled_later(r"[&*!@$]*+([A-Za-z_][\w$]*)")


def is_secret(says: Sensitivity, value: str) -> bool:
    """Whether the value of a name is a secret. `value` is without quotes, unescaped or not."""
    if is_placeholder(value) or is_placeholder(value.strip("\\\"'` ")):
        return False
    if is_reference(says, value):
        return False
    if says.certain:
        return not (says.plural and says.kind != "password" and value.isdigit() and len(value) < 6)
    if says.kind == "cookie":
        return holds_session(value)
    if says.kind == "api-key" and is_uuid(value):
        return False
    shortest = 6 if says.kind == "password" else 8
    return is_random(value, shortest, strict=says.strict)


def is_reference(says: Sensitivity, value: str) -> bool:
    """Whether a value says where the secret is, or what may be done with it: `$password`, `read`."""
    if is_path(value) or ((says.folder or says.kind == "private-key") and is_folder(value)):
        return True
    if says.kind in ("secret", "token") and value in ACCESS:
        return True
    return value[:1] == "$" and _VARIABLE.fullmatch(value) is not None and is_name(value[1:])


def is_name(text: str) -> bool:
    """Whether a value is only the name of a secret: `db_password`, but not `pass1234`."""
    digits = sum(map(str.isdigit, text))
    if sensitivity(text) is None:
        return False
    return _CLASS.fullmatch(text) is not None or (digits <= 1 and not is_random(text))


def is_code(word: str, name: str) -> bool:
    """Whether a word without quotes is an expression of a program rather than a value."""
    if _CALLED.match(word) or (_INDEXED.fullmatch(word) and not is_random(word)):
        return True
    member = _MEMBER.fullmatch(word)
    if member is not None:
        parts = re.split(r"\W+", member[0])
        return member[1].lower() in ROOTS or any(map(is_name, parts)) or word[0] in "&*@$"
    identifier = IDENTIFIER.fullmatch(word)
    if identifier is None:
        return False
    bare = identifier[1]
    return bare in CODE or bare == name or (is_name(bare) and not is_word(bare))


def is_plain_word(text: str) -> bool:
    """Whether a single word may be a password: not a type, a state, a name or code."""
    lower = text.lower()
    if lower in STATUS or lower in LOGINS or PROSE.fullmatch(text) or is_type(text):
        return False
    return not (is_name(text) or is_code(text, "") or _FILE.search(text))


def is_word(text: str) -> bool:
    """Whether a text is one word of letters, all small or all capital."""
    return text.isalpha() and (text.islower() or text.isupper())
