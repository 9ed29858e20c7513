"""Which runtime has the session now; a runtime that begins a turn needs it. Pure: no I/O."""

from collections.abc import Container, Mapping

from journal.events import Event, Handoff, Set, Takeover

_NO_TURNS: frozenset[str] = frozenset()


class LatestOwner:
    """A projection: the runtime that has the session. Its owner locks.

    By the audit's rules, a runtime gets the session when it takes over or writes. There is one
    exception: a runtime that handed the session off and lost it may still go on with a turn
    that it began before. The audit knows when each turn began; here a turn counts as begun
    before if it is in the view.

    `turn_id` is the turn that the owner wrote last since it got the session, None if it wrote
    none. `seq` is the newest set or takeover. An event that is older than one already folded
    changes nothing: after a compaction, kept turns may come so.
    Memory: one entry for each runtime that has handed off, or was handed the session.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.runtime_id: str | None = None
        self.turn_id: str | None = None
        self.seq = 0
        self._waiting: dict[str, str] = {}  # target: source of a handoff not answered yet
        self._lost: dict[str, bool] = {}  # source: whether it lost the session

    def fold(self, event: Event, turns: Mapping[str, Container[str]]) -> None:
        """O(1). `turns` is the view before the event: the turns of each runtime."""
        if type(event) is Set:
            if event.seq > self.seq:
                self.seq = event.seq
                if event.runtime_id == self.runtime_id:
                    self.turn_id = event.turn_id
                else:
                    self._write_by_another(event, turns)
        elif type(event) is Handoff:
            self._hand_off(event)
        elif type(event) is Takeover and event.seq > self.seq:
            self.seq = event.seq
            self._lost.pop(event.runtime_id, None)
            self._give_to(event.runtime_id)

    def _hand_off(self, event: Handoff) -> None:
        self._waiting[event.target] = event.source
        self._lost.pop(event.target, None)
        if event.source != event.target:
            self._lost.setdefault(event.source, False)

    def _write_by_another(self, event: Set, turns: Mapping[str, Container[str]]) -> None:
        runtime = event.runtime_id
        has_lost = runtime not in self._waiting and self._lost.get(runtime, False)
        if has_lost and event.turn_id in turns.get(runtime, _NO_TURNS):
            return
        self._give_to(runtime)
        self.turn_id = event.turn_id

    def _give_to(self, runtime_id: str) -> None:
        source = self._waiting.pop(runtime_id, None)
        if source in self._lost and source != runtime_id:
            self._lost[source] = True
        if self.runtime_id != runtime_id:
            self.runtime_id, self.turn_id = runtime_id, None
