"""Which event set each leaf of a turn's state. Pure: no I/O.

Each version of the state has an ownership of the same shape: an event, if that event set
everything below; otherwise an object or array of ownerships. So a new subtree costs nothing,
however large it is.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from journal.events import Clear, Event
from journal.reprs import quoted, repr_of_parts
from projections.compare.alignment import align, same
from projections.compare.paths import ROOT, child_path, children, is_leaf


class Blamed(NamedTuple):
    """A leaf (a scalar or an empty container), its path, and the event that set it."""

    path: str
    value: Any
    event: Event

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield quoted(self.path)
        yield repr(self.event)


def blame(versions: Iterable[tuple[Event, Any]]) -> list[Blamed]:
    """The leaves of the last state, each with the oldest event since which it is unchanged.

    A version is an event and the state it left, the oldest first. At a `Clear`, whose state is
    ignored, everything starts anew. Empty when the turn does not exist. Leaves are followed by
    key in objects, and by `align` in arrays. Values are compared strictly.

    Per version O(size of its state and the one before), times the depth to which changed
    arrays nest, plus the searches of `align` in each of them.
    """
    latest: tuple[Any, Any] | None = None  # a state and its ownership
    for event, state in versions:
        if isinstance(event, Clear):
            latest = None
        elif latest is None:
            latest = state, event
        else:
            latest = state, _owned(*latest, state, event)
    return list(_blamed(*latest, ROOT)) if latest else []


def _owned(old: Any, owner: Any, new: Any, event: Event) -> Any:
    """The ownership of `new`, which `event` put in the place of `old`; that had `owner`."""
    if isinstance(old, dict) and isinstance(new, dict) and new:
        return {
            key: _owned(old[key], _below(owner, key), item, event) if key in old else event
            for key, item in new.items()
        }
    if isinstance(old, list) and isinstance(new, list) and new:
        return list(_owned_elements(old, owner, new, event))
    return owner if same(old, new) else event


def _owned_elements(old: list[Any], owner: Any, new: list[Any], event: Event) -> Iterator[Any]:
    for stretch in align(old, new):
        for i, j in zip(stretch.old, stretch.new, strict=False):
            kept = _below(owner, i)
            yield kept if stretch.same else _owned(old[i], kept, new[j], event)
        for _ in stretch.new[len(stretch.old) :]:
            yield event


def _below(owner: Any, step: Any) -> Any:
    return owner[step] if isinstance(owner, dict | list) else owner


def _blamed(state: Any, owner: Any, path: str) -> Iterator[Blamed]:
    if is_leaf(state):
        yield Blamed(path, state, owner)
        return
    for step, item in children(state):
        yield from _blamed(item, _below(owner, step), child_path(path, step))
