"""What an open session folds from its log. Pure: no I/O."""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from journal.events import Event, Set
from journal.once import FrozenKeys, KeyMemory, Seen
from journal.reports import Problem
from journal.snapshots import EncodedTurns
from projections.handoffs.owner import FrozenOwner, LatestOwner
from projections.handoffs.pending import PendingHandoffs
from projections.summary import OtherTurn, Summary, first_words, last_turn
from projections.view import View


class _Rest(Struct, frozen=True):
    """What a folded session holds besides the view."""

    pending: dict[str, int]
    owner: FrozenOwner
    keys: FrozenKeys


_decode_rest = msgspec.json.Decoder(_Rest).decode


class FrozenSession:
    """A folded session at one moment: a `journal.snapshots.Frozen`."""

    def __init__(self, turns: EncodedTurns, rest: _Rest) -> None:
        self.turns = turns
        self._rest = rest

    @property
    def rest(self) -> bytes:
        return msgspec.json.encode(self._rest)

    def summary(self, seq: int) -> bytes:
        """`sum_up` as JSON."""
        return msgspec.json.encode(self.sum_up(seq))

    def sum_up(self, seq: int, problem: Problem | None = None) -> Summary:
        """The session, whose last event is `seq`, in a few words.

        Decodes two states, and one of each runtime without the session.
        """
        turns, owner = self.turns, self._rest.owner
        turn = last_turn(turns, owner.runtime_id, owner.turn_id)
        return Summary(
            events=seq,
            runtimes=len(turns),
            turns=sum(map(len, turns.values())),
            owner=owner.runtime_id,
            turn_id=owner.turn_id,
            status=turn.status,
            first_words=first_words(turns),
            findings=owner.faults,
            problem=str(problem) if problem is not None else None,
            writer=owner.writer,
            written_at=owner.written_at,
            agent=turn.agent,
            opened_at=turn.opened_at,
            is_imported=turn.is_imported,
            handed_to=owner.handed_to,
            others=tuple(self._others()) if owner.others else (),
        )

    def _others(self) -> Iterator[OtherTurn]:
        for runtime_id, written in self._rest.owner.written_by_others():
            turn = last_turn(self.turns, runtime_id, written.turn_id)
            if turn.status not in (None, "completed") and not turn.is_imported:
                yield OtherTurn(
                    runtime_id, written.turn_id, turn.status, written.writer, written.ts
                )


class FoldedSession:
    """A projection of four: the view, the handoffs without an answer, the owner, the keys.

    The log's lock guards it.
    """

    def __init__(self) -> None:
        self.view = View()
        self.pending = PendingHandoffs()
        self.owner = LatestOwner()
        self.keys = KeyMemory()

    def fold(self, event: Event) -> None:
        """O(1). A set by the owner, which is what most events are, makes one call fewer."""
        owner, view = self.owner, self.view
        if type(event) is not Set:
            owner.fold(event, view.turns)
            self.pending.fold(event)
            view.fold(event)
            self.keys.fold(event)
            return
        runtime, turn, seq = event.runtime_id, event.turn_id, event.seq
        if runtime == owner.runtime_id and seq > owner.seq and not owner.lost:
            owner.seq, owner.turn_id = seq, turn  # as `LatestOwner.fold` does
            owner.writer, owner.written_at = event.writer, event.ts
        else:
            owner.fold(event, view.turns)
        view.set(runtime, turn, bytes(event.state))
        if event.once is not None or self.keys.alive:
            self.keys.fold(event)

    def recall(self, base_seq: int, seen: Sequence[Seen]) -> None:
        """See `journal.once.Remembering`."""
        self.keys.recall(base_seq, seen)

    def fresh(self) -> "FoldedSession":
        """See `journal.snapshots.Freezable`."""
        return FoldedSession()

    def freeze(self) -> FrozenSession:
        """See `journal.snapshots.Freezable`."""
        rest = _Rest(self.pending.freeze(), self.owner.freeze(), self.keys.freeze())
        return FrozenSession(self.view.copy(), rest)

    def thaw(self, turns: EncodedTurns, rest: bytes) -> None:
        """See `journal.snapshots.Freezable`."""
        found = _decode_rest(rest)
        self.view.thaw(turns)
        self.pending.thaw(found.pending)
        self.owner.thaw(found.owner)
        self.keys.thaw(found.keys)

    def reset(self) -> None:
        """The log is gone, or another one."""
        self.view.reset()
        self.pending.reset()
        self.owner.reset()
        self.keys.reset()
