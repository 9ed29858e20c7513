"""Readable places in a JSON value: `calls[2].name`, `calls["a b"]`. Pure: no I/O.

Different places always read differently. What is printed stays on one line and
cannot steer a terminal: characters that do not print are escaped as JSON allows.
"""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

ROOT = "."
"""The path of the whole value."""

_encode = msgspec.json.Encoder().encode


def compact(value: Any) -> str:
    """A value as JSON on one line, without blanks and with printable characters only."""
    try:
        text = _encode(value).decode()
    except UnicodeEncodeError:  # lone surrogates, from a session file that PraisonAI wrote
        return json.dumps(value, separators=(",", ":"))
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def child_path(path: str, step: str | int) -> str:
    """The path of the member or element `step` of the container at `path`."""
    above = "" if path == ROOT else path
    if isinstance(step, int):
        return f"{above}[{step}]"
    if not (step.isidentifier() and step.isprintable()):
        return f"{above}[{compact(step)}]"
    return f"{above}.{step}" if above else step


def steps(container: dict[str, Any] | list[Any]) -> Iterator[tuple[str | int, Any]]:
    """What leads one level down, with the values there, in document order."""
    yield from container.items() if isinstance(container, dict) else enumerate(container)


def is_leaf(value: Any) -> bool:
    """Whether nothing is below a value: it is a scalar or an empty container."""
    return not (isinstance(value, dict | list) and value)


def leaves(value: Any, path: str = ROOT) -> Iterator[tuple[str, Any]]:
    """Every leaf of a value with its path, in document order. O(size of the value)."""
    if is_leaf(value):
        yield path, value
        return
    for step, item in steps(value):
        yield from leaves(item, child_path(path, step))
