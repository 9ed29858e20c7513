"""Places in a JSON value, to read and for JSON Patch. Pure: no I/O.

Readable ones, `calls[2].name` or `calls["a b"]`, are different for different places.
What is printed stays on one line and cannot steer a terminal: characters that do not
print are escaped as JSON allows.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

from projections.compare.encoding import compact

ROOT = "."
"""The path of the whole value."""

Steps: TypeAlias = tuple[()] | tuple["Steps", str | int]
"""The keys and indexes that lead to a place: the steps before the last, and the last.

To go one step on costs the same at any depth; what is written of a place is made
only where it is shown.
"""

ROOT_STEPS: Steps = ()


def child_path(path: str, step: str | int) -> str:
    """The path of the member or element `step` of the container at `path`."""
    above = "" if path == ROOT else path
    if isinstance(step, int):
        return f"{above}[{step}]"
    if not (step.isidentifier() and step.isprintable()):
        return f"{above}[{compact(step)}]"
    return f"{above}.{step}" if above else step


def path_of(way: Steps) -> str:
    """The readable path of a place. O(its length times the number of its steps)."""
    path = ROOT
    for step in _in_order(way):
        path = child_path(path, step)
    return path


def pointer_of(way: Steps) -> str:
    """The JSON Pointer (RFC 6901) of a place. O(its length)."""
    return "".join(f"/{_escaped(str(step))}" for step in _in_order(way))


def _escaped(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")


def _in_order(way: Steps) -> list[str | int]:
    """The steps from the root on."""
    found: list[str | int] = []
    while way:
        way, step = way
        found.append(step)
    return found[::-1]


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
