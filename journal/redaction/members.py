"""What members of an object, and items of a list, say about each other."""

import re
from functools import lru_cache
from typing import Any

from journal.redaction.later import compiled_later
from journal.redaction.meaning import is_name
from journal.redaction.names import Sensitivity, sensitivity
from journal.redaction.vocabulary import BESIDE, STATUS

_NAMES = frozenset(
    ("name", "key", "header", "variable", "env", "param", "parameter", "field", "property")
)
_TITLES = frozenset(("label", "id", "title"))
"""Names of things on a screen. The value beside one may also be a choice, a count or a message."""
_VALUES = frozenset(("value", "val", "values", "content", "stringvalue", "default"))
_PLAIN_NAME = compiled_later(r"[\w.$/: -]{1,100}")
_ITEM_NAME = compiled_later(r"-{0,2}[A-Za-z][\w.-]{0,100}")
_MAY_HOLD_PAIR = compiled_later(r"(?:value|val|values|content|default|text)\Z")
_ELEMENTS = frozenset(("selector", "element"))
_ROLE = compiled_later(
    r"(?i)\s+(?:field|text ?box|input|box)\Z|\A(?:input|textbox)?\[?(?:type|name|id)="
)
_CHANGED = frozenset(("field", "property", "attribute", "column"))
_CHANGES = frozenset(("old", "new", "before", "after", "from", "to"))
_THOUGHTS = ("thinking", "redacted_thinking", "signature_delta", "reasoning", "reasoning.text")
_TYPES = frozenset(("string", "number", "integer", "boolean", "object", "array", "null"))
_OF_SCHEMA = frozenset(("$ref", "anyOf", "oneOf", "allOf", "properties"))
_BESIDE_AT_END = compiled_later(
    r"(?<=[a-z])(?:Name|At|Date|Type|Expiration|Expiry|Url|Host|Port)\Z"
)


def said_of_pairs(value: dict[str, Any]) -> dict[str, Sensitivity]:
    """What members say about others, in `{"name": …, "value": …}` and the like."""
    said: dict[str, Sensitivity] = {}
    if not any(map(_is_of_pair, value)):
        return said
    fields = {_field(key): key for key in value}
    for field, key in fields.items():
        item, prefix = value[key], re.sub("(?:name|key)$", "", field)
        is_element = field in _ELEMENTS or (field == "path" and "op" in fields)
        if not isinstance(item, str) or (
            field not in _NAMES and prefix == field and not is_element and field not in _TITLES
        ):
            continue
        if field in _ELEMENTS:
            item = _ROLE.sub("", item).strip("#.[]\"'")
        says = sensitivity(item) if _PLAIN_NAME.fullmatch(item) else None
        own = sensitivity(key)
        if says is None or (own is not None and own.certain):
            continue
        for other, target in fields.items():
            if field in _TITLES:
                if other in ("value", "val") and _is_titled(says, value[target]):
                    sure = says.certain and says.kind == "password"
                    said.setdefault(target, says._replace(certain=sure))
            elif _is_said(field, prefix, other):
                said[target] = says
    return said


def _is_said(field: str, prefix: str, other: str) -> bool:
    """Whether a field names the value in another: `name` that of `value`, `keyname` of `keyvalue`."""
    if field in _ELEMENTS or field == "path":
        return other in ("value", "text")
    of_pair = other in _VALUES or (prefix != "" and other == f"{prefix}value")
    return of_pair or (field in _CHANGED and other in _CHANGES)


def _is_titled(says: Sensitivity, item: Any) -> bool:
    """Whether a value beside a title is really a value, and not a choice or a count."""
    if not isinstance(item, str) or " " in item or item.lower() in STATUS:
        return False
    if says.plural or (item.isdigit() and says.kind != "password"):
        return False
    return not is_name(item)


def _field(key: str) -> str:
    return key.lower().replace("_", "")


@lru_cache(maxsize=4096)
def _is_of_pair(key: str) -> bool:
    """Whether another member of the object may say something about this one."""
    field = _field(key)
    return _MAY_HOLD_PAIR.search(field) is not None or field in _CHANGED


def said_of_item(item: str, length: int) -> Sensitivity | None:
    """What an item of a list says about the next one: an option, or a header in a list of two."""
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


def is_beside(says: Sensitivity, key: str) -> bool:
    """Whether a member of an object of secrets is not one: a user, a date, a description."""
    if says.kind == "password" and says.plural:
        return False  # its keys are names of users
    return key.lower().rpartition("_")[2] in BESIDE or _BESIDE_AT_END.search(key) is not None


def is_thought(value: dict[str, Any]) -> bool:
    """Whether it is a thought of a model; its signature must stay as it is."""
    return "thinking" in value or value.get("type") in _THOUGHTS


def is_schema(value: dict[str, Any]) -> bool:
    """Whether it describes a value, as JSON Schema does."""
    kind = value.get("type")
    if "value" in value:
        return False  # an output of Terraform: a value and its type
    if isinstance(kind, str):
        return kind in _TYPES
    return isinstance(kind, list) or not _OF_SCHEMA.isdisjoint(value)
