"""Which handoffs wait for an answer: what a takeover has to know. Pure: no I/O."""

from journal.events import Event, Handoff, Set, Takeover


class PendingHandoffs:
    """A projection: which handoff a takeover by a runtime would answer. Its owner locks.

    Only a takeover answers, not a write, and it answers all that its runtime was handed.
    Memory: one entry for each target that has not taken over.
    """

    def __init__(self) -> None:
        self._latest: dict[str, int] = {}  # seq by target

    def reset(self) -> None:
        self._latest.clear()

    def fold(self, event: Event) -> None:
        """O(1); returns at once for a set."""
        if type(event) is Set:
            return
        if type(event) is Handoff:
            self._latest[event.target] = event.seq
        elif type(event) is Takeover:
            self._latest.pop(event.runtime_id, None)

    def answered_by(self, runtime_id: str) -> int | None:
        """The seq of the latest handoff to it that it has not answered; None if none."""
        return self._latest.get(runtime_id)
