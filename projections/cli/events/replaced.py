"""What events replaced, found by reading on backwards from them. Pure: no I/O."""

from journal.events import Clear, Event, Set
from projections.cli.lines.effects import Effect


class Replaced:
    """The effects of some events, each found in the events before it.

    Is given a session's events, the newest first. `effects` has, by seq, those found so far.
    Holds what is asked and, for each clear, the turns that it may have dropped.
    """

    def __init__(self) -> None:
        self.effects: dict[int, Effect] = {}
        self._sets: dict[str, dict[str, int]] = {}  # runtime -> turn -> seq of the set asked for
        self._clears: list[_Dropped] = []

    @property
    def is_settled(self) -> bool:
        """Whether the effects of all events that were asked for are known."""
        return not self._sets and not self._clears

    def meet(self, event: Event) -> None:
        """The next event, which is older than all before."""
        if isinstance(event, Set):
            self._meet_set(event)
        elif isinstance(event, Clear):
            self._meet_clear(event.runtime_id)

    def ask(self, event: Event) -> None:
        """What did the event replace that was met last?"""
        if isinstance(event, Set):
            self._sets.setdefault(event.runtime_id, {})[event.turn_id] = event.seq
        elif isinstance(event, Clear):
            self._clears.append(_Dropped(event.seq, event.runtime_id))
        else:
            self.effects[event.seq] = Effect()

    def end(self) -> None:
        """There is no older event."""
        self._meet_clear(None)

    def _meet_set(self, event: Set) -> None:
        turns = self._sets.get(event.runtime_id, {})
        asked = turns.pop(event.turn_id, None)
        if asked is not None:
            self.effects[asked] = Effect(before=bytes(event.state))
            if not turns:
                del self._sets[event.runtime_id]
        for dropped in self._clears:
            dropped.note(event.runtime_id, event.turn_id)

    def _meet_clear(self, runtime_id: str | None) -> None:
        for runtime in [runtime_id] if runtime_id is not None else list(self._sets):
            for asked in self._sets.pop(runtime, {}).values():
                self.effects[asked] = Effect()
        waiting, self._clears = self._clears, []
        for dropped in waiting:
            if dropped.is_ended_by(runtime_id):
                self.effects[dropped.seq] = Effect(dropped=len(dropped.turns))
            else:
                self._clears.append(dropped)


class _Dropped:
    """The turns that a clear has dropped, of one runtime or of all, as far as they were met."""

    def __init__(self, seq: int, runtime_id: str | None) -> None:
        self.seq = seq
        self.turns: set[tuple[str, str]] = set()
        self._runtime_id = runtime_id
        self._ended: set[str] = set()  # runtimes that an older clear had dropped already

    def note(self, runtime_id: str, turn_id: str) -> None:
        if self._runtime_id in (None, runtime_id) and runtime_id not in self._ended:
            self.turns.add((runtime_id, turn_id))

    def is_ended_by(self, runtime_id: str | None) -> bool:
        """Whether nothing before an older clear, of a runtime or of all, matters any more."""
        if runtime_id is None or runtime_id == self._runtime_id:
            return True
        self._ended.add(runtime_id)
        return False
