"""Which runtime has the session now; a runtime that begins a turn needs it. Pure: no I/O."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct, field

from journal.events import Clear, Event, Handoff, Set, Takeover

if TYPE_CHECKING:
    from projections.turns.parents import Parent

Turns: TypeAlias = Mapping[str, Mapping[str, bytes]]
"""The view: the encoded states of the turns of each runtime."""

Read: TypeAlias = Callable[[str, str, bytes], bytes]
"""Of the runtime and the id of a turn, and its state as it is in the view: the state as JSON."""

_NO_TURNS: Mapping[str, bytes] = {}


class LastSet(Struct, frozen=True, gc=False):
    """What a runtime wrote last: the turn, and the `writer` and `ts` of that set.

    `seq` is that of the set or, if the runtime had the session, of what came after it.
    """

    seq: int
    turn_id: str
    writer: str
    ts: str


def as_it_is(_runtime_id: str, _turn_id: str, state: bytes) -> bytes:
    """A `Read` for states that are not encrypted."""
    return state


class FrozenOwner(Struct, frozen=True, kw_only=True):
    """A `LatestOwner` at one moment; see there."""

    runtime_id: str | None
    turn_id: str | None
    seq: int
    waiting: dict[str, str]
    lost: dict[str, bool]
    late: list[str]
    faults: int
    children: dict[str, list[str]] = field(default_factory=dict)
    writer: str | None = None
    written_at: str | None = None
    others: dict[str, LastSet] = field(default_factory=dict)

    def written_by_others(self) -> Iterator[tuple[str, LastSet]]:
        """What each runtime wrote last, but for the turn that the owner wrote last.

        That turn may have been cleared since.
        """
        for runtime_id, written in self.others.items():
            if runtime_id != self.runtime_id or self.turn_id is None:
                yield runtime_id, written

    @property
    def handed_to(self) -> str | None:
        """The runtime that the owner handed the session to last, and that has not come yet."""
        targets = [to for to, source in self.waiting.items() if source == self.runtime_id != to]
        return targets[-1] if targets else None


class LatestOwner:
    """A projection: the runtime that has the session. Its owner locks.

    By the audit's rules, a runtime gets the session when it takes over or writes. There is one
    exception: a runtime that handed the session off and lost it may still go on with a turn
    that it began before. The audit knows when each turn began; here a turn counts as begun
    before if it is in the view.

    A turn that runs for one of the owner's, a child, takes the session from nobody, now and
    later: see `handoffs.children`. To know that, the state is decoded when a runtime without
    the session begins a turn, and those of its ancestors are.

    `turn_id` is the turn that the owner wrote last since it got the session, None if it wrote
    none; `writer` and `written_at` are those of that set. `others` is what each runtime wrote
    last that was not the owner then. `seq` is the newest set or takeover. An event that is older
    than one already folded changes nothing but `others`: after a compaction, kept turns may come
    so.

    `faults` counts the changes without a handoff, and the handoffs after which their source went
    on writing: what the audit finds wrong, but for turns that ran twice and calls that were lost.
    Memory: one entry for each runtime in the view, for each that has handed off, or was handed
    the session, and for each child in the view.
    """

    def __init__(self, read: Read = as_it_is) -> None:
        """`read` gives the JSON of a turn's state, which may be encrypted."""
        self._read = read
        self.reset()

    def reset(self) -> None:
        self.runtime_id: str | None = None
        self.turn_id: str | None = None
        self.writer: str | None = None
        self.written_at: str | None = None
        self.others: dict[str, LastSet] = {}
        self.seq = 0
        self._waiting: dict[str, str] = {}  # target: source of a handoff not answered yet
        self.lost: dict[str, bool] = {}  # source: whether it lost the session
        self._late: set[str] = set()  # those of them that have written since
        self._children: dict[str, set[str]] = {}
        self.faults = 0

    def freeze(self) -> FrozenOwner:
        """It as it is now. O(its memory)."""
        return FrozenOwner(
            runtime_id=self.runtime_id,
            turn_id=self.turn_id,
            seq=self.seq,
            waiting=self._waiting.copy(),
            lost=self.lost.copy(),
            late=sorted(self._late),
            faults=self.faults,
            children={runtime: sorted(turns) for runtime, turns in self._children.items()},
            writer=self.writer,
            written_at=self.written_at,
            others=self.others.copy(),
        )

    def thaw(self, frozen: FrozenOwner) -> None:
        """Go on from what `freeze` gave, whose dicts become this one's own."""
        self.runtime_id, self.turn_id, self.seq = frozen.runtime_id, frozen.turn_id, frozen.seq
        self.writer, self.written_at = frozen.writer, frozen.written_at
        self.others = frozen.others
        self._waiting, self.lost = frozen.waiting, frozen.lost
        self._late, self.faults = set(frozen.late), frozen.faults
        self._children = {runtime: set(ids) for runtime, ids in frozen.children.items()}

    def fold(self, event: Event, turns: Turns) -> None:
        """`turns` is the view before the event.

        O(1), but O(states of the turn and its ancestors) for the first set of a turn by a
        runtime that does not have the session.
        """
        if type(event) is Set:
            if event.seq > self.seq:
                self._write(event, turns)
                self.seq = event.seq
            if event.runtime_id != self.runtime_id or self.turn_id is None:
                self._note_other(event)
        elif type(event) is Handoff:
            self._hand_off(event)
        elif type(event) is Takeover and event.seq > self.seq:
            self.lost.pop(event.runtime_id, None)
            answers = event.handoff_seq is not None and event.runtime_id in self._waiting
            self._give_to(event.runtime_id, is_announced=answers)
            self.seq = event.seq
        elif type(event) is Clear:
            self._clear(event.runtime_id)

    def _write(self, event: Set, turns: Turns) -> None:
        is_owner = event.runtime_id == self.runtime_id
        if not is_owner and self._is_child(event, turns):
            return
        if event.runtime_id in self.lost:
            self._note_late(event.runtime_id)
        if is_owner:
            self._note_turn(event)
        else:
            self._write_by_another(event, turns)

    def _is_child(self, event: Set, turns: Turns) -> bool:
        """Whether the turn runs for one of the owner's. Remembers it."""
        runtime, owner = event.runtime_id, self.runtime_id
        if owner is None or runtime in self._waiting:
            return False
        if event.turn_id in self._children.get(runtime, ()):
            return True

        # Most stores never need it.
        from projections.turns.parents import is_called_for, parent_in_encoded

        def parent_of(runtime_id: str, turn_id: str) -> "Parent | None":
            state = turns.get(runtime_id, _NO_TURNS).get(turn_id)
            if state is None:
                return None
            return parent_in_encoded(self._read(runtime_id, turn_id, state))

        parent = parent_in_encoded(self._read(runtime, event.turn_id, bytes(event.state)))
        if parent is None or not is_called_for(parent, owner, self.turn_id, parent_of):
            return False
        self._children.setdefault(runtime, set()).add(event.turn_id)
        return True

    def _clear(self, runtime_id: str | None) -> None:
        if runtime_id is None:
            self._children.clear()
            self.others.clear()
        else:
            self._children.pop(runtime_id, None)
            self.others.pop(runtime_id, None)

    def _hand_off(self, event: Handoff) -> None:
        self._waiting.pop(event.target, None)  # so that the latest is the last
        self._waiting[event.target] = event.source
        self.lost.pop(event.target, None)
        if event.source != event.target:
            self.lost.setdefault(event.source, False)
            self._late.discard(event.source)

    def _note_late(self, source: str) -> None:
        """A set after a handoff. Many of them are one fault."""
        if source not in self._late:
            self._late.add(source)
            self.faults += 1

    def _write_by_another(self, event: Set, turns: Turns) -> None:
        runtime = event.runtime_id
        has_lost = runtime not in self._waiting and self.lost.get(runtime, False)
        if has_lost and event.turn_id in turns.get(runtime, _NO_TURNS):
            return
        self._give_to(runtime, is_announced=runtime in self._waiting)
        self._note_turn(event)

    def _note_turn(self, event: Set) -> None:
        self.turn_id, self.writer, self.written_at = event.turn_id, event.writer, event.ts

    def _give_to(self, runtime_id: str, is_announced: bool) -> None:
        if not is_announced and self.runtime_id not in (None, runtime_id):
            self.faults += 1
        source = self._waiting.pop(runtime_id, None)
        if source in self.lost and source != runtime_id:
            self.lost[source] = True
        if self.runtime_id != runtime_id:
            self._note_leaving()
            self.runtime_id = runtime_id
            self.turn_id = self.writer = self.written_at = None

    def _note_leaving(self) -> None:
        """Keep what the owner wrote last. `seq` is still that of before the event."""
        runtime, turn, writer, ts = self.runtime_id, self.turn_id, self.writer, self.written_at
        if not (runtime is None or turn is None or writer is None or ts is None):
            self.others[runtime] = LastSet(self.seq, turn, writer, ts)

    def _note_other(self, event: Set) -> None:
        known = self.others.get(event.runtime_id)
        if known is None or known.seq < event.seq:
            self.others[event.runtime_id] = LastSet(
                event.seq, event.turn_id, event.writer, event.ts
            )
