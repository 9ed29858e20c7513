"""What an open session folds from its log. Pure: no I/O."""

from journal.events import Event, Set
from projections.handoffs.owner import LatestOwner
from projections.handoffs.pending import PendingHandoffs
from projections.view import View


class FoldedSession:
    """A projection of three: the view, the handoffs without an answer, the owner.

    The log's lock guards it.
    """

    def __init__(self) -> None:
        self.view = View()
        self.pending = PendingHandoffs()
        self.owner = LatestOwner()

    def fold(self, event: Event) -> None:
        """O(1). A set by the owner, which is what most events are, makes one call fewer."""
        owner = self.owner
        if type(event) is not Set:
            owner.fold(event, self.view.turns)
            self.pending.fold(event)
        elif event.runtime_id == owner.runtime_id and event.seq > owner.seq:
            owner.seq, owner.turn_id = event.seq, event.turn_id  # as `LatestOwner.fold` does
        else:
            owner.fold(event, self.view.turns)
        self.view.fold(event)

    def reset(self) -> None:
        """The log is gone, or another one."""
        self.view.reset()
        self.pending.reset()
        self.owner.reset()
