"""Paths in a JSON value: readable ones, and those of JSON Patch. Pure: no I/O.

Readable paths, such as `calls[2].name` or `calls["a b"]`, are different for different places.
They fit on one line and cannot steer a terminal: characters that cannot be printed are escaped
as in JSON.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

from projections.compare.encoding import compact_json

ROOT = "."
"""The path of the whole value."""

Steps: TypeAlias = tuple[()] | tuple["Steps", str | int]
"""The keys and indexes that lead to a place, as a pair: all steps but the last, and the last.

So one more step costs the same at any depth. The path is only made when it is shown.
"""

ROOT_STEPS: Steps = ()


def child_path(path: str, step: str | int) -> str:
    """The path of the member or element `step` of the container at `path`."""
    above = "" if path == ROOT else path
    if isinstance(step, int):
        return f"{above}[{step}]"
    if not (step.isidentifier() and step.isprintable()):
        return f"{above}[{compact_json(step)}]"
    return f"{above}.{step}" if above else step


def path_of(steps: Steps) -> str:
    """The readable path. O(its length times the number of steps)."""
    path = ROOT
    for step in _in_order(steps):
        path = child_path(path, step)
    return path


def pointer_of(steps: Steps) -> str:
    """The JSON Pointer (RFC 6901). O(its length)."""
    return "".join(f"/{_escaped(str(step))}" for step in _in_order(steps))


def _escaped(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")


def _in_order(steps: Steps) -> list[str | int]:
    """The steps from the root on."""
    found: list[str | int] = []
    while steps:
        steps, step = steps
        found.append(step)
    return found[::-1]


def children(container: dict[str, Any] | list[Any]) -> Iterator[tuple[str | int, Any]]:
    """The members or elements of a container, by key or index, in document order."""
    yield from container.items() if isinstance(container, dict) else enumerate(container)


def is_leaf(value: Any) -> bool:
    """Whether a value is a scalar or an empty container."""
    return not (isinstance(value, dict | list) and value)


def leaves(value: Any, path: str = ROOT) -> Iterator[tuple[str, Any]]:
    """Every leaf of a value with its path, in document order. O(size of the value)."""
    if is_leaf(value):
        yield path, value
        return
    for step, item in children(value):
        yield from leaves(item, child_path(path, step))
