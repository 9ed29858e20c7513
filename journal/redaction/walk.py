"""JSON data without its secrets: by names of members, by pairs, by what texts hold.

The same walk serves data and the JSON inside texts; `Sink` says what happens to what is
found.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from journal.redaction.bare import is_secret
from journal.redaction.json_text import Number, Pairs
from journal.redaction.names import Sensitivity, sensitivity
from journal.redaction.values import is_placeholder, is_random

_NAMES = frozenset(
    ("name", "key", "header", "variable", "env", "param", "parameter", "field", "property")
)
_VALUES = frozenset(
    ("value", "val", "values", "content", "stringvalue", "string_value", "secretvalue")
)
_TYPES = frozenset(("string", "number", "integer", "boolean", "object", "array", "null"))
_OF_SCHEMA = frozenset(("$ref", "anyOf", "oneOf", "allOf", "properties"))
_EXAMPLES = frozenset(("default", "example", "examples", "const", "enum"))
_REFERENCES = frozenset(
    ("valueFrom", "secretKeyRef", "secretName", "secretRef", "configMapKeyRef", "env", "from_env")
)


class Sink(Protocol):
    """What happens to the texts of data."""

    def text(self, value: str) -> str:
        """A text under no name that says anything."""

    def blank(self, value: str, kind: str) -> str:
        """A text that is a secret as a whole."""

    def number(self, value: Any, says: Sensitivity) -> Any:
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
    said = _said_of_pair(value)
    is_kubernetes_secret = value.get("kind") == "Secret"
    result = {}
    for key, item in items:
        says = sensitivity(key)
        if said is not None and key.lower() in _VALUES:
            says = said
        elif is_kubernetes_secret and key in ("data", "stringData") and isinstance(item, dict):
            says = Sensitivity("secret", True)
        result[key] = clean(item, sink) if says is None else clean_under(says, item, sink)
    return result


def _said_of_pair(value: dict[str, Any]) -> Sensitivity | None:
    """What the name says in `{"name": …, "value": …}`; None if it is no such pair."""
    if not 2 <= len(value) <= 12 or not any(key.lower() in _VALUES for key in value):
        return None
    for key, item in value.items():
        if isinstance(item, str) and key.lower() in _NAMES and (says := sensitivity(item)):
            return says
    return None


def _clean_list(value: list[Any] | tuple[Any, ...], sink: Sink) -> list[Any]:
    """A list; of an option or a header in it, the item after it is the value."""
    result: list[Any] = []
    says: Sensitivity | None = None
    for item in value:
        if says is not None and isinstance(item, str):
            result.append(_clean_value(says, item, sink, says.certain or is_random(item)))
            says = None
            continue
        says = _said_of_item(item, len(value)) if isinstance(item, str) else None
        result.append(clean(item, sink))
    return result


def _clean_value(says: Sensitivity, item: str, sink: Sink, is_value: bool) -> str:
    if is_value and is_secret(says, item):
        return sink.blank(item, says.kind)
    return sink.text(item)


def _said_of_item(item: str, length: int) -> Sensitivity | None:
    """What an item of a list says of the next: an option, or a header of a list of two."""
    if len(item) > 128 or " " in item or "=" in item:
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
        if not says.certain or not _REFERENCES.isdisjoint(value):
            return _clean_object(value, sink)
        items = value.pairs if isinstance(value, Pairs) else value.items()
        if _is_schema(value):
            return {
                key: clean_under(says, item, sink) if key in _EXAMPLES else clean(item, sink)
                for key, item in items
            }
        return {key: clean_under(says, item, sink) for key, item in items}
    if isinstance(value, list | tuple):
        return [clean_under(says, item, sink) for item in value]
    if isinstance(value, Number):
        return sink.number(value, says)
    return value


def _is_schema(value: dict[str, Any]) -> bool:
    """Whether it describes a value, as JSON Schema does."""
    kind = value.get("type")
    if isinstance(kind, str):
        return kind in _TYPES
    return isinstance(kind, list) or not _OF_SCHEMA.isdisjoint(value)


__all__ = ["Sink", "clean", "clean_under", "is_placeholder"]
