"""Which handoffs wait for an answer; a takeover needs to know. Pure: no I/O."""

from journal.events import Event, Handoff, Set, Takeover


class PendingHandoffs:
    """A projection: which handoff a takeover by a runtime would answer. Its owner locks.

    A takeover answers all handoffs to its runtime; a write answers none.
    Memory: one entry for each target that has not taken over.
    """

    def __init__(self) -> None:
        self._latest: dict[str, int] = {}  # seq by target

    def reset(self) -> None:
        self._latest.clear()

    def freeze(self) -> dict[str, int]:
        """The seq of the latest handoff without an answer, by target."""
        return self._latest.copy()

    def thaw(self, latest: dict[str, int]) -> None:
        """Go on from what `freeze` gave."""
        self._latest = latest

    def fold(self, event: Event) -> None:
        """O(1); returns at once for a set."""
        if type(event) is Set:
            return
        if type(event) is Handoff:
            self._latest[event.target] = event.seq
        elif type(event) is Takeover:
            self._latest.pop(event.runtime_id, None)

    def answered_by(self, runtime_id: str) -> int | None:
        """The seq of the latest handoff to the runtime that it has not answered, or None."""
        return self._latest.get(runtime_id)
