"""JSON data without its secrets: by names of members, by pairs, by what texts hold.

The same walk serves data and the JSON inside texts; `Sink` says what happens to what is
found.
"""

import re
from collections.abc import Iterable
from typing import Any, Protocol

from journal.redaction.commands import find_in_commands, is_program
from journal.redaction.cookies import holds_session
from journal.redaction.json_text import Number, Pairs
from journal.redaction.names import Sensitivity, sensitivity
from journal.redaction.values import is_placeholder, is_random
from journal.redaction.vocabulary import BESIDE
from journal.redaction.words import PROSE, is_secret

_NAMES = frozenset(
    ("name", "key", "header", "variable", "env", "param", "parameter", "field", "property")
)
_VALUES = frozenset(("value", "val", "values", "content", "stringvalue", "default"))
_PLAIN_NAME = re.compile(r"[\w.$/: -]{1,100}")
_ITEM_NAME = re.compile(r"-{0,2}[A-Za-z][\w.-]{0,100}")
_VALUE_ENDS = ("value", "val", "values", "content", "default")
_CHANGED = frozenset(("field", "property", "attribute", "column"))
_CHANGES = frozenset(("old", "new", "before", "after", "from", "to"))
_LOGIN = frozenset(("user", "username", "user_name", "login", "host", "email", "usr", "uid"))
_TYPES = frozenset(("string", "number", "integer", "boolean", "object", "array", "null"))
_OF_SCHEMA = frozenset(("$ref", "anyOf", "oneOf", "allOf", "properties"))
_EXAMPLES = frozenset(("default", "example", "examples", "const", "enum"))
_SETTING = re.compile(r"(-{0,2}[A-Za-z][\w.-]{0,100})=([^=&;\n]{0,512} [^=&;\n]{1,512})")
_BESIDE_AT_END = re.compile(r"(?<=[a-z])(?:Name|At|Date|Type|Expiration|Expiry|Url|Host|Port)\Z")
_REFERENCES = frozenset(
    ("valueFrom", "secretKeyRef", "secretName", "secretRef", "configMapKeyRef", "env", "from_env")
)


class Sink(Protocol):
    """What happens to the texts of data."""

    def text(self, value: str) -> str:
        """A text under no name that says anything."""

    def blank(self, value: str, kind: str, /) -> str:
        """A text that is a secret as a whole."""

    def part(self, value: str, start: int, end: int, kind: str) -> str:
        """A text of which some characters are a secret."""

    def number(self, value: Any, says: Sensitivity, /) -> Any:
        """A number under a name of secrets."""


def clean(value: Any, sink: Sink) -> Any:
    """A copy of JSON data as the sink makes it."""
    if isinstance(value, str):
        return sink.text(value)
    if isinstance(value, dict):
        return _clean_object(value, sink)
    if isinstance(value, list | tuple):
        return _clean_list(value, sink)
    return value


def _clean_object(value: dict[str, Any], sink: Sink) -> dict[str, Any]:
    items: Iterable[tuple[str, Any]] = value.pairs if isinstance(value, Pairs) else value.items()
    said = _said_of_pairs(value)
    has_login = not _LOGIN.isdisjoint(value)
    is_kubernetes_secret = value.get("kind") == "Secret"
    result = {}
    for key, item in items:
        says = said.get(key) or sensitivity(key)
        if says is not None and has_login and says.kind == "password":
            says = says._replace(certain=True)
        elif is_kubernetes_secret and key in ("data", "stringData") and isinstance(item, dict):
            says = Sensitivity("secret", True)
        result[key] = clean(item, sink) if says is None else clean_under(says, item, sink)
    return result


def _said_of_pairs(value: dict[str, Any]) -> dict[str, Sensitivity]:
    """What is said of members by others: in `{"name": …, "value": …}` and the like."""
    fields = {key.lower().replace("_", ""): key for key in value}
    said: dict[str, Sensitivity] = {}
    if not any(field.endswith(_VALUE_ENDS) for field in fields) and _CHANGED.isdisjoint(fields):
        return said
    for field, key in fields.items():
        item, prefix = value[key], re.sub("(?:name|key)$", "", field)
        if not isinstance(item, str) or (field not in _NAMES and prefix == field):
            continue
        says = sensitivity(item) if _PLAIN_NAME.fullmatch(item) else None
        own = sensitivity(key)
        if says is None or (own is not None and own.certain):
            continue
        for other, target in fields.items():
            of_pair = other in _VALUES or (prefix and other == f"{prefix}value")
            if of_pair or (field in _CHANGED and other in _CHANGES):
                said[target] = says
    return said


def _clean_list(value: list[Any] | tuple[Any, ...], sink: Sink) -> list[Any]:
    """A list; of an option or a header in it, the item after it is the value."""
    if len(value) > 1 and isinstance(value[0], str) and is_program(value[0]):
        return _clean_command(value, sink)
    return _clean_options(value, sink)


def _clean_options(value: list[Any] | tuple[Any, ...], sink: Sink) -> list[Any]:
    result: list[Any] = []
    says: Sensitivity | None = None
    for item in value:
        if says is not None and isinstance(item, str):
            result.append(_clean_value(says, item, sink, says.certain or is_random(item)))
            says = None
            continue
        says = _said_of_item(item, len(value)) if isinstance(item, str) else None
        result.append(_clean_setting(item, sink) if isinstance(item, str) else clean(item, sink))
    return result


def _clean_setting(item: str, sink: Sink) -> str:
    """An item `NAME=value` of a list of variables or arguments: the value is all of the rest."""
    setting = _SETTING.fullmatch(item) if "=" in item else None
    says = sensitivity(setting[1]) if setting else None
    if setting is None or says is None or not says.certain or PROSE.search(setting[2]):
        return sink.text(item)
    if not is_secret(says, setting[2]):
        return sink.text(item)
    return sink.part(item, *setting.span(2), says.kind)


def _clean_command(value: list[Any] | tuple[Any, ...], sink: Sink) -> list[Any]:
    """A command in parts. It is read as a whole: `["mysql", "-p…"]`."""
    texts = [item if isinstance(item, str) else "" for item in value]
    spans = list(find_in_commands(" ".join(texts)))
    result: list[Any] = []
    start, rest = 0, list(value)
    for index, text in enumerate(texts):
        inside = [s for s in spans if start <= s.start and s.end <= start + len(text)]
        if inside and isinstance(rest[index], str):
            span = inside[0]
            rest[index] = sink.part(rest[index], span.start - start, span.end - start, span.kind)
        start += len(text) + 1
    hidden = [item is not given for item, given in zip(rest, value, strict=True)]
    plain = _clean_options(rest, sink)
    for index, item in enumerate(plain):
        result.append(rest[index] if hidden[index] else item)
    return result


def _clean_value(says: Sensitivity, item: str, sink: Sink, is_value: bool) -> str:
    if is_value and is_secret(says, item):
        return sink.blank(item, says.kind)
    return sink.text(item)


def _said_of_item(item: str, length: int) -> Sensitivity | None:
    """What an item of a list says of the next: an option, or a header of a list of two."""
    if _ITEM_NAME.fullmatch(item) is None:
        return None
    says = sensitivity(item)
    if says is None:
        return None
    if item.startswith("-"):
        return says
    if (
        length == 2
        and says.certain
        and ("-" in item or says.kind == "authorization" or "_" in item)
    ):
        return says
    return says._replace(certain=False, strict=True) if length % 2 == 0 else None


def clean_under(says: Sensitivity, value: Any, sink: Sink) -> Any:
    """What stands under a name of secrets, however nested."""
    if isinstance(value, str):
        return sink.blank(value, says.kind) if is_secret(says, value) else sink.text(value)
    if isinstance(value, dict):
        if says.kind == "cookie" and isinstance(value.get("value"), str):
            return _clean_cookie(value, sink)
        if not says.certain or not _REFERENCES.isdisjoint(value):
            return _clean_object(value, sink)
        items = value.pairs if isinstance(value, Pairs) else value.items()
        if _is_schema(value):
            return {
                key: clean_under(says, item, sink) if key in _EXAMPLES else clean(item, sink)
                for key, item in items
            }
        return {
            key: clean(item, sink) if _is_beside(says, key) else clean_under(says, item, sink)
            for key, item in items
        }
    if isinstance(value, list | tuple):
        return [clean_under(says, item, sink) for item in value]
    if isinstance(value, Number):
        return sink.number(value, says)
    return value


def _clean_cookie(value: dict[str, Any], sink: Sink) -> dict[str, Any]:
    """A cookie as HAR and browsers give it: a name, a value, where it is for."""
    items = value.pairs if isinstance(value, Pairs) else value.items()
    return {
        key: sink.blank(item, "cookie")
        if key == "value"
        and isinstance(item, str)
        and holds_session(f"{value.get('name')}={item}")
        else clean(item, sink)
        for key, item in items
    }


def _is_beside(says: Sensitivity, key: str) -> bool:
    """Whether a member of an object of secrets is none: a user, a date, a description."""
    if says.kind == "password" and says.plural:
        return False  # by the names of users
    return key.lower().rpartition("_")[2] in BESIDE or _BESIDE_AT_END.search(key) is not None


def _is_schema(value: dict[str, Any]) -> bool:
    """Whether it describes a value, as JSON Schema does."""
    kind = value.get("type")
    if "value" in value:
        return False  # what Terraform gives out: a value and its type
    if isinstance(kind, str):
        return kind in _TYPES
    return isinstance(kind, list) or not _OF_SCHEMA.isdisjoint(value)


__all__ = ["Sink", "clean", "clean_under", "is_placeholder"]
