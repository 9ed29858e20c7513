"""Where a session changes hands, for a line between the events. Pure: no I/O."""

from journal.events import Event
from projections.cli.terminal import Segment, colour_of
from projections.handoffs.owner import LatestOwner
from projections.view import View


class OwnerChanges:
    """Folds events that come in order, and says which of them gives the session to another.

    By the rules of the audit: a handoff alone changes nothing, but its target's first write or
    takeover does. So does a write by anybody else; not that of a turn which runs for one of the
    owner's. Of events that are left out nothing is known. O(view) in memory.
    """

    def __init__(self) -> None:
        self._owner = LatestOwner()
        self._view = View()

    def mark(self, event: Event) -> list[Segment] | None:
        """The line to show before the event, if it takes the session from another runtime."""
        before, faults = self._owner.runtime_id, self._owner.faults
        self._owner.fold(event, self._view.turns)
        self._view.fold(event)
        after = self._owner.runtime_id
        if before is None or after is None or before == after:
            return None
        names: list[Segment] = [(before, colour_of(before)), " → ", (after, colour_of(after))]
        unannounced: list[Segment] = [", ", ("unannounced", "red")]
        return [
            ("── ", "dim"),
            *names,
            *(unannounced if self._owner.faults > faults else []),
            (" ──", "dim"),
        ]
