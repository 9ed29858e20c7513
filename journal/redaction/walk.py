"""Walks JSON data and finds its secrets: by names of members, by pairs, and within texts.

The same walk serves data and the JSON inside texts. A `Sink` decides what happens to a secret.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from journal.redaction.commands import find_in_commands, is_program
from journal.redaction.cookies import holds_session
from journal.redaction.joins import OPTION
from journal.redaction.json_text import Pairs
from journal.redaction.later import compiled_later
from journal.redaction.meaning import PROSE, is_secret
from journal.redaction.members import is_beside, is_schema, is_thought, said_of_item, said_of_pairs
from journal.redaction.names import Sensitivity, sensitivity
from journal.redaction.values import is_placeholder, is_random

_LOGIN = frozenset(("user", "username", "user_name", "login", "host", "email", "usr", "uid"))
_EXAMPLES = frozenset(("default", "example", "examples", "const", "enum"))
_SETTING = compiled_later(r"(-{0,2}[A-Za-z][\w.-]{0,100})=([^=&;\n]{0,512} [^=&;\n]{1,512})")
_LONG_KEY = 16
"""From so many characters on, a key of a JSON text may itself be a secret."""
_REFERENCES = frozenset(
    ("valueFrom", "secretKeyRef", "secretName", "secretRef", "configMapKeyRef", "env", "from_env")
)


class Sink(Protocol):
    """Decides what happens to the texts of data."""

    def text(self, value: str) -> str:
        """A text under a name that says nothing about it."""

    def blank(self, value: str, kind: str, /) -> str:
        """A text that is a secret as a whole."""

    def part(self, value: str, start: int, end: int, kind: str) -> str:
        """A text in which some characters are a secret."""

    def number(self, value: Any, says: Sensitivity, /) -> Any:
        """A number, `true`, `false` or `null` under the name of a secret."""


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
    items = _members(value, sink)
    said = said_of_pairs(value)
    has_login = not _LOGIN.isdisjoint(value)
    is_kubernetes_secret = value.get("kind") == "Secret"
    result = {}
    for key, item in items:
        says = said.get(key) or sensitivity(key)
        if key == "signature" and is_thought(value):
            says = None
        elif says is not None and has_login and says.kind == "password":
            says = says._replace(certain=True)
        elif is_kubernetes_secret and key in ("data", "stringData") and isinstance(item, dict):
            says = Sensitivity("secret", True)
        result[key] = clean(item, sink) if says is None else clean_under(says, item, sink)
    return result


def _clean_list(value: list[Any] | tuple[Any, ...], sink: Sink) -> list[Any]:
    """A list; the item after an option or a header is its value."""
    if len(value) > 1 and isinstance(value[0], str) and is_program(value[0]):
        return _clean_command(value, sink)
    return _clean_options(value, sink)


def _clean_options(value: list[Any] | tuple[Any, ...], sink: Sink) -> list[Any]:
    result: list[Any] = []
    says: Sensitivity | None = None
    for item in value:
        if says is not None and isinstance(item, str) and not OPTION.match(item):
            result.append(_clean_value(says, item, sink, says.certain or is_random(item)))
            says = None
            continue
        says = said_of_item(item, len(value)) if isinstance(item, str) else None
        result.append(_clean_setting(item, sink) if isinstance(item, str) else clean(item, sink))
    return result


def _clean_setting(item: str, sink: Sink) -> str:
    """An item `NAME=value` in a list of variables or arguments; the value is the whole rest."""
    setting = _SETTING.fullmatch(item) if "=" in item else None
    says = sensitivity(setting[1]) if setting else None
    if setting is None or says is None or not says.certain or PROSE.search(setting[2]):
        return sink.text(item)
    if not is_secret(says, setting[2]):
        return sink.text(item)
    return sink.part(item, *setting.span(2), says.kind)


def _clean_command(value: list[Any] | tuple[Any, ...], sink: Sink) -> list[Any]:
    """A command given as a list, `["mysql", "-p…"]`. It is read as one text."""
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


def _members(value: dict[str, Any], sink: Sink) -> Iterable[tuple[str, Any]]:
    """The members of an object. The keys of a JSON text are searched too."""
    if not isinstance(value, Pairs):
        return value.items()
    for key, _ in value.pairs:
        if len(key) >= _LONG_KEY:
            sink.text(key)
    return value.pairs


def clean_under(says: Sensitivity, value: Any, sink: Sink) -> Any:
    """A copy of the value under the name of a secret, however nested, as the sink makes it."""
    if isinstance(value, str):
        return sink.blank(value, says.kind) if is_secret(says, value) else sink.text(value)
    if isinstance(value, dict):
        if says.kind == "cookie" and isinstance(value.get("value"), str):
            return _clean_cookie(value, sink)
        if not says.certain or not _REFERENCES.isdisjoint(value):
            return _clean_object(value, sink)
        items = _members(value, sink)
        if is_schema(value):
            return {
                key: clean_under(says, item, sink) if key in _EXAMPLES else clean(item, sink)
                for key, item in items
            }
        return {
            key: clean(item, sink) if is_beside(says, key) else clean_under(says, item, sink)
            for key, item in items
        }
    if isinstance(value, list | tuple):
        return [clean_under(says, item, sink) for item in value]
    return sink.number(value, says)


def _clean_cookie(value: dict[str, Any], sink: Sink) -> dict[str, Any]:
    """A cookie as in HAR files and browsers: a name, a value, and a scope."""
    items = _members(value, sink)
    return {
        key: sink.blank(item, "cookie")
        if key == "value"
        and isinstance(item, str)
        and holds_session(f"{value.get('name')}={item}")
        else clean(item, sink)
        for key, item in items
    }


__all__ = ["Sink", "clean", "clean_under", "is_placeholder"]
