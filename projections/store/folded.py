"""What an open session folds from its log. Pure: no I/O."""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from journal.backend import Opener
from journal.ciphertext import ENCRYPTED
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

    def __init__(self, turns: EncodedTurns, rest: _Rest, view: View) -> None:
        """`view` is where they come from; of it, only how it reads them is used."""
        self.turns = turns
        self._rest = rest
        self._view = view

    @property
    def rest(self) -> bytes:
        """Raises `EncryptionKeyError` where it was folded without a key: others fold otherwise."""
        if self._view.blinded_by is not None:
            raise self._view.blinded_by
        return msgspec.json.encode(self._rest)

    def summary(self, seq: int) -> bytes:
        """`sum_up` as JSON, encrypted if states are."""
        return self._view.hide(msgspec.json.encode(self.sum_up(seq)))

    def state(self, runtime_id: str, turn_id: str) -> bytes | None:
        """A turn's state as JSON, as far as it can be read; None if there is none."""
        found = self.turns.get(runtime_id, {}).get(turn_id)
        if found is None or found[:1] != ENCRYPTED:  # asked here, which spares a call
            return found
        return self._view.readable(runtime_id, turn_id, found)

    def sum_up(self, seq: int, problem: Problem | None = None) -> Summary:
        """The session, whose last event is `seq`, in a few words.

        Decodes two states, and one of each runtime without the session.
        """
        turns, owner = self.turns, self._rest.owner
        turn = last_turn(self.state(owner.runtime_id or "", owner.turn_id or ""))
        return Summary(
            events=seq,
            runtimes=len(turns),
            turns=sum(map(len, turns.values())),
            owner=owner.runtime_id,
            turn_id=owner.turn_id,
            status=turn.status,
            first_words=first_words(self._first_state()),
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
            turn = last_turn(self.state(runtime_id, written.turn_id))
            if turn.status not in (None, "completed") and not turn.is_imported:
                yield OtherTurn(
                    runtime_id, written.turn_id, turn.status, written.writer, written.ts
                )

    def _first_state(self) -> bytes | None:
        for runtime_id, of in self.turns.items():
            for turn_id in of:
                return self.state(runtime_id, turn_id)
        return None


class FoldedSession:
    """A projection of four: the view, the handoffs without an answer, the owner, the keys.

    The log's lock guards it.
    """

    def __init__(self, opener: Opener | None = None) -> None:
        """`opener` decrypts what the engine hands in; see `journal.backend.Backend.opener`."""
        self._opener = opener
        self.view = View(opener)
        self.pending = PendingHandoffs()
        self.owner = LatestOwner(self.view.readable)
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
        return FoldedSession(self._opener)

    def freeze(self) -> FrozenSession:
        """See `journal.snapshots.Freezable`."""
        rest = _Rest(self.pending.freeze(), self.owner.freeze(), self.keys.freeze())
        return FrozenSession(self.view.copy(), rest, self.view)

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
