"""Decides whether a word without quotes is a value, or code, a type, or prose.

Much that follows the name of a secret is not its value: `password: str`, `token = given`,
`--password PASSWORD`, `password: must have a digit`.
"""

from typing import NamedTuple

from journal.redaction.annotations import is_type
from journal.redaction.later import compiled_later
from journal.redaction.meaning import (
    IDENTIFIER,
    PROSE,
    is_code,
    is_name,
    is_reference,
    is_word,
)
from journal.redaction.names import Sensitivity, sensitivity
from journal.redaction.values import (
    is_placeholder,
    is_random,
)
from journal.redaction.vocabulary import DEEDS, LOOKUPS, METAVARIABLES, ROOTS, STATUS


class Word(NamedTuple):
    """A word without quotes after a certain name, and its surroundings."""

    text: str
    rest: str
    """The rest of the line; empty if it is only the end of a comment."""
    name: str
    says: Sensitivity
    spaced: bool
    """Whether there are spaces around what joins it to its name."""
    colon: bool
    option: bool
    """Whether it follows an option of a command, after a space."""
    enclosed: bool
    """Whether a quote before the name opens the string that both are in."""
    is_first: bool
    """Whether the name is the first on its line."""
    after_comma: bool


_TYPE = compiled_later(r"_?[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+")
_AFTER_TYPE = compiled_later(r"\s*(?:[,)|=\]?]|\Z)")
_EQUALS = compiled_later(r"\s=\s")
OPERATOR = compiled_later(r"\s+(?:or|and|if|else|\|\||\?\?|\+|\?)\s")
_CALCULATES = compiled_later(r"\s+[-+*/%|&?:<>=(]|\(")
_CLOSES = compiled_later(r"\s*[,;})\]\\\"'&>]|</")
_PLAIN = compiled_later(r"[\w\s'-]*")
_FILLED_IN = compiled_later(r"\$\{\w+(?::?\?|\})|\$[a-zA-Z_]\w*\)|!(?!!)[A-Za-z][\w./]*\Z")
_PATTERN = compiled_later(r"[(\[]?(?:\.[*+]|\\+[SwdW]|\[\^|\(\?)")
SOURCE_FILE = compiled_later(
    r"[\w./-]+\.(?:py|js|tsx?|jsx|json|ya?ml|md|txt|html?|css|go|rs|java|rb|php|cpp|sh|toml|lock)"
)
_DURATION = compiled_later(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ns|us|µs|ms|s|sec|secs|m|min|h))+")
_FIELDS = compiled_later(r"(?:id|type|name|src|source|env|target|file)=")


def is_value(word: Word) -> bool:
    """Whether a word after a certain name is its value."""
    text = word.text
    if _is_nothing(text) or is_reference(word.says, text) or _FILLED_IN.match(text):
        return False
    if _DURATION.fullmatch(text) and not _is_certain(word.name):
        return False  # `test_login PASS: 3.2s`
    if _is_expression(word) or _is_help(word) or (word.colon and _is_declared(word)):
        return False
    if word.option or (word.enclosed and not word.spaced and not word.rest.strip()):
        return True
    if text.lower() in STATUS and word.colon:
        return False
    if text.isalpha():
        return not _is_prose(word)
    if text.isdigit():
        return len(text) >= (6 if word.says.plural else 3)
    if not any(map(str.isalnum, text)):
        return len(text) >= 4
    is_mixed = _PLAIN.fullmatch(text) is None or any(map(str.isdigit, text))
    return is_mixed or not (word.rest.strip() and word.colon and PROSE.search(word.rest[:80]))


def _is_certain(name: str) -> bool:
    says = sensitivity(name)
    return says is not None and says.certain


def _is_nothing(text: str) -> bool:
    if is_placeholder(text) or is_placeholder(text.strip("()[]{};,`'\"")) or text[0] == "<":
        return True
    if _PATTERN.match(text) or text.startswith(("#{", "<%")):
        return True
    return text[0] in "{[(" and not is_random(text, 6)


def _is_expression(word: Word) -> bool:
    """Whether it is code. `NAME=secret` at the beginning of a line is a setting instead."""
    is_setting = word.is_first and word.name.isupper() and not word.spaced and not word.colon
    if is_code(word.text, word.name):
        return not is_setting or IDENTIFIER.fullmatch(word.text) is None
    if is_setting or is_random(word.text, 6) or IDENTIFIER.fullmatch(word.text) is None:
        return False
    if word.text.isupper() and "_" in word.text and word.says.kind != "password":
        return True
    if word.colon:
        return _is_type(word)
    return _is_variable(word) if word.spaced else _is_argument(word)


def _is_declared(word: Word) -> bool:
    """Whether a word after a colon is a type, a file or an action: no password is."""
    text, closing = word.text, word.rest.partition(" ")[0]
    if is_type(text) or (closing[:1] == "<" and is_type(text + closing)):
        return True
    if SOURCE_FILE.fullmatch(text) or (word.name == "passwd" and text in LOOKUPS):
        return True
    return not word.spaced and not word.is_first and text in DEEDS


def _is_type(word: Word) -> bool:
    """`name: Type`, or `name: type = value`."""
    if _EQUALS.match(word.rest):
        return True
    if _TYPE.fullmatch(word.text) is None:
        return False
    return word.says.kind != "password" or _AFTER_TYPE.match(word.rest) is not None


def _is_argument(word: Word) -> bool:
    """`name=given` between the parentheses of a call."""
    is_password = word.says.kind == "password"
    if (
        word.text.islower()
        and "_" in word.text.strip("_")
        and word.text.replace("_", "").isalpha()
    ):
        return not is_password or word.rest[:1] in (",", ")")
    ends = word.rest[:1] == ")" or (word.rest[:1] == "," and word.name.islower())
    return ends and not is_password


def _is_variable(word: Word) -> bool:
    """`self.name = given`, `a, name = b, c`, `name = given or other`."""
    root, dot, _ = word.name.partition(".")
    if dot and (root in ROOTS or (is_name(word.text) and is_word(word.text))):
        return True
    return word.after_comma or word.rest[:1] == "," or OPERATOR.match(word.rest) is not None


def _is_help(word: Word) -> bool:
    """Whether it is the name of a value in the help of a command: `--password PASSWORD`."""
    is_long = word.name.startswith("--")
    if (is_long or word.option) and word.text.strip("<>[]") in METAVARIABLES:
        return True
    if not word.option:
        return False
    if _FIELDS.match(word.text):
        return True
    is_flag = word.name.startswith("-") and word.says.plural and word.text.isalpha()
    return is_flag or (word.text.isupper() and is_name(word.text)) or word.text.lower() in STATUS


def _is_prose(word: Word) -> bool:
    """Whether a word of letters only begins a sentence, or is part of a formula."""
    if word.says.kind not in ("password", "secret") and len(word.text) < 4:
        return True
    if not word.rest.strip() or not word.spaced:
        return False
    if word.colon and not word.is_first and not word.enclosed and not _CLOSES.match(word.rest):
        return True
    if PROSE.search(f"{word.text}{word.rest[:120]}"):
        return True
    return not word.colon and _CALCULATES.match(word.rest) is not None
