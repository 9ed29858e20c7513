"""Lists the places of secrets in JSON data, without showing them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from journal.redaction.entry import secrets_in_name
from journal.redaction.later import compiled_later
from journal.redaction.text import redact, redact_text

_MARKER = compiled_later(r"\[REDACTED:([a-z-]+)\]")
_SHOWN = 60  # characters of a key in a path


class Located(NamedTuple):
    """A secret at a path such as `state.calls[2].arguments`. `in_key`: the key itself is it."""

    path: str
    kind: str
    in_key: bool = False


def locate(value: Any) -> Iterator[Located]:
    """The secrets in JSON data, its keys included, in order; each path and kind once."""
    yield from _compare(value, redact(value), "")


def _compare(before: Any, after: Any, path: str) -> Iterator[Located]:
    if isinstance(before, str):
        if before != after:
            known = _MARKER.findall(before)
            kinds = [kind for kind in _MARKER.findall(after) if kind not in known]
            for kind in dict.fromkeys(kinds or _MARKER.findall(after)):
                yield Located(path, kind)
    elif isinstance(before, dict):
        for key, item in before.items():
            where = _under(path, key)
            for kind in secrets_in_name(key):
                yield Located(where, kind, in_key=True)
            yield from _compare(item, after[key], where)
    elif isinstance(before, list):
        for index, item in enumerate(before):
            yield from _compare(item, after[index], f"{path}[{index}]")


def _under(path: str, key: str) -> str:
    shown = redact_text(key)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
    if shown.isidentifier():
        return f"{path}.{shown}" if path else shown
    return f"{path}[{shown!r}]"
