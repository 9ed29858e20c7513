"""What each event changed: the states and turns that it replaced or dropped."""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from journal.events import Clear, Event, Set
from projections.view import View

_MOST_VIEWS = 64


class Effect(NamedTuple):
    """What an event replaced: a set a state, a clear a number of turns.

    `before` is the encoded state before a set, None if there was none. If `known` is False,
    neither is known. `lost` is how many events before this one are gone for good.
    """

    before: bytes | None = None
    dropped: int = 0
    known: bool = True
    lost: int = 0


class Effects:
    """Folds the views of sessions, to know the effect of each event.

    For a session that is met for the first time, `load` returns the view up to a seq, or None
    if it cannot be known. Holds the views of at most 64 sessions.
    """

    def __init__(self, load: Callable[[str, int], View | None]) -> None:
        self._load = load
        self._views: OrderedDict[str, View] = OrderedDict()
        self._partial: set[str] = set()  # sessions whose view lacks turns from before

    def begin(self, session_id: str, view: View) -> None:
        """Go on from this view: spares loading it."""
        self._views[session_id] = view
        self._partial.discard(session_id)

    def forget(self, session_id: str) -> None:
        self._views.pop(session_id, None)
        self._partial.discard(session_id)

    def effect_of(self, session_id: str, event: Event) -> Effect:
        """The effect of `event`, which must be the session's next one."""
        if session_id not in self._views:
            self._begin_with(session_id, self._load(session_id, event.seq - 1))
        view = self._views[session_id]
        self._views.move_to_end(session_id)
        effect = _effect(view, event)
        view.fold(event)
        if session_id in self._partial and effect.before is None:
            return Effect(known=False)
        return effect

    def _begin_with(self, session_id: str, view: View | None) -> None:
        self.begin(session_id, view or View())
        if view is None:
            self._partial.add(session_id)
        if len(self._views) > _MOST_VIEWS:
            self.forget(next(iter(self._views)))


def _effect(view: View, event: Event) -> Effect:
    if isinstance(event, Set):
        return Effect(before=view.turns.get(event.runtime_id, {}).get(event.turn_id))
    if isinstance(event, Clear):
        if event.runtime_id is None:
            return Effect(dropped=sum(map(len, view.turns.values())))
        return Effect(dropped=len(view.turns.get(event.runtime_id, {})))
    return Effect()
