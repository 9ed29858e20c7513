"""The border in a fork's events: up to there they are its origin's too."""

from journal.events import Event, Origin
from projections.cli.terminal.output import Segment


class Border:
    """Where the events of a fork part from those of its origin, for events that come in order.

    `origin` is None for a session that is no fork: it has no border.
    """

    def __init__(self, origin: Origin | None) -> None:
        self.origin = origin
        self._is_shared: bool | None = None  # the event before

    @property
    def line(self) -> Segment:
        """What stands there."""
        return (f"-- forked from {self.origin}", "dim")

    def lies_before(self, event: Event) -> bool:
        """Whether it lies between this event and the one before, in either order."""
        if self.origin is None:
            return False
        before, self._is_shared = self._is_shared, event.seq <= self.origin.seq
        return before is not None and before is not self._is_shared

    def lies_at_end(self, *, reverse: bool) -> bool:
        """Whether it lies after the last of them: nothing was written since."""
        return self._is_shared is True and not reverse
