"""Where a session changes hands, for a line between the events. Pure: no I/O."""

from collections import deque
from typing import NamedTuple

from journal.events import Event
from projections.cli.terminal.output import Segment, colour_of
from projections.handoffs.owner import LatestOwner
from projections.view import View


class _Change(NamedTuple):
    """At the event `seq`, the runtime `after` got the session from `before`."""

    seq: int
    before: str
    after: str
    is_fault: bool


class OwnerChanges:
    """Folds all events in order, and says for those that are shown who has got the session since.

    By the rules of the audit: a handoff alone changes nothing, but its target's first write or
    takeover does. So does a write by anybody else; not that of a turn which runs for one of the
    owner's. Memory: the view, and the changes that were not said yet.
    """

    def __init__(self) -> None:
        self._owner = LatestOwner()
        self._view = View()
        self._changes: deque[_Change] = deque()

    def fold(self, event: Event) -> None:
        """Events that are not shown count, too."""
        before, faults = self._owner.runtime_id, self._owner.faults
        self._owner.fold(event, self._view.turns)
        self._view.fold(event)
        after = self._owner.runtime_id
        if before is not None and after is not None and before != after:
            is_fault = self._owner.faults > faults
            self._changes.append(_Change(event.seq, before, after, is_fault))

    def mark(self, event: Event) -> list[Segment] | None:
        """The line to show before the event, if it is another runtime's session by then."""
        said: list[_Change] = []
        while self._changes and self._changes[0].seq <= event.seq:
            said.append(self._changes.popleft())
        if not said:
            return None
        names = [said[0].before, *(change.after for change in said)]
        line: list[Segment] = [("── ", "dim"), (names[0], colour_of(names[0]))]
        for name in names[1:]:
            line += [" → ", (name, colour_of(name))]
        if any(change.is_fault for change in said):
            line += [", ", ("unannounced", "red")]
        return [*line, (" ──", "dim")]
