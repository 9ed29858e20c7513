"""Who has the session: handoffs, takeovers and writes, folded in order of seq. Pure: no I/O.

- The first runtime that sets, or takes over, has the session.
- A handoff opens a change to its target. The source keeps the session until the target takes
  over or, without a takeover, writes. A later handoff to the same target replaces an older one.
- A takeover answers the handoff it names, if that handoff went to this runtime and is not
  answered yet. If the handoff is not in the history, the change was announced by the runtime
  that had the session. Any other takeover is unannounced; by the runtime that has the session
  it is a restart, not a change.
- A set by a runtime that does not have the session is an implicit takeover if it was handed
  the session. It is only late if the runtime handed off and lost the session, and began this
  turn before that. Otherwise it is an unannounced change.
- A set by a source after its handoff is late, until a handoff to it or a takeover by it. The
  `turn_id` of a handoff makes no difference: the session is handed over as a whole.
"""

from journal.events import Clear, Event, Handoff, Set, Takeover
from projections.handoffs.children import Children
from projections.handoffs.findings import OwnershipSpan
from projections.handoffs.records import ChangeRecord, GrowingSpan, LateWindow, Role
from projections.turns.reading import TurnState


class Ownership:
    """A projection. Memory: one entry for each turn of a runtime and each change."""

    def __init__(self) -> None:
        self.records: list[ChangeRecord] = []
        self.children = Children()
        self._owner: str | None = None
        self._owner_turn: str | None = None  # which it wrote last since it has the session
        self._came_by: ChangeRecord | None = None  # the change that gave the owner the session
        self._stretches: list[GrowingSpan] = []
        self._handoffs: set[int] = set()  # the seqs of all of them
        self._waiting: dict[str, dict[int, ChangeRecord]] = {}  # unanswered, by target and seq
        self._windows: dict[str, LateWindow] = {}  # by source
        self._begun: dict[tuple[str, str], int] = {}  # (runtime, turn): its first set

    def set(self, event: Set, state: TurnState) -> Role:
        """Fold a set, whose state says this."""
        runtime = event.runtime_id
        had_session = self._owner in (None, runtime) or runtime in self._waiting
        is_child = not had_session and self.children.fold_child(
            event, state, self._owner or "", self._owner_turn
        )
        if not is_child:
            self._write(event)
        self.children.write(event, state)
        self._begun.setdefault((runtime, event.turn_id), event.seq)
        self._grow_span(event)
        return Role(had_session, is_child)

    def fold(self, event: Event) -> None:
        """Fold an event that is no set."""
        if type(event) is Handoff:
            self._hand_off(event)
        elif type(event) is Takeover:
            self._take_over(event)
        elif type(event) is Clear:
            self.children.clear(event.runtime_id)
        self._grow_span(event)

    def _grow_span(self, event: Event) -> None:
        if self._stretches:
            self._stretches[-1].last_seq = event.seq
            self._stretches[-1].until = event.ts

    def spans(self) -> tuple[OwnershipSpan, ...]:
        return tuple(
            OwnershipSpan(
                runtime_id=each.runtime_id,
                first_seq=each.first_seq,
                last_seq=each.last_seq,
                since=each.since,
                until=each.until,
                turns=tuple(each.turns),
            )
            for each in self._stretches
        )

    # Handoffs

    def _hand_off(self, event: Handoff) -> None:
        record = self._add(
            ChangeRecord(
                source=event.source,
                target=event.target,
                announced=True,
                status="pending",
                handoff_seq=event.seq,
                handed_off_at=event.ts,
                turn_id=event.turn_id,
                reason=event.reason,
            )
        )
        waiting = self._waiting.setdefault(event.target, {})
        if waiting:
            waiting[next(reversed(waiting))].status = "superseded"
        waiting[event.seq] = record
        self._handoffs.add(event.seq)
        self._windows.pop(event.target, None)
        if event.source != event.target:
            self._open_window(event.source, record)

    def _open_window(self, source: str, record: ChangeRecord) -> None:
        older = self._windows.get(source)
        self._windows[source] = LateWindow(record, older.lost_seq if older is not None else None)

    # Takeovers

    def _take_over(self, event: Takeover) -> None:
        runtime = event.runtime_id
        self._windows.pop(runtime, None)
        record = self._announced(event)
        self._close_waiting(runtime, record)
        if record is None:
            if self._owner in (None, runtime):
                self._give_to(runtime, event, self._came_by)
                return
            record = self._unannounced(runtime)
        else:
            record.status = "taken over"
        last = event.seq - 1  # a takeover cannot have seen later events, whatever it claims
        record.takeover_seq = event.seq
        record.seen_seq = last if event.seen_seq is None else min(event.seen_seq, last)
        self._change_hands(record, event)

    def _announced(self, event: Takeover) -> ChangeRecord | None:
        """The change that a takeover answers, None if it answers none."""
        answered = event.handoff_seq
        if answered is None:
            return None
        if answered in self._handoffs:
            return self._waiting.get(event.runtime_id, {}).get(answered)
        if self._owner == event.runtime_id:
            return None
        record = self._add(
            ChangeRecord(
                source=self._owner,
                target=event.runtime_id,
                announced=True,
                status="taken over",
                handoff_seq=answered,
            )
        )
        if self._owner is not None:
            self._open_window(self._owner, record)
        return record

    def _close_waiting(self, runtime: str, record: ChangeRecord | None) -> None:
        """No handoff to `runtime` waits any longer; `record` is answered, others superseded."""
        for other in self._waiting.pop(runtime, {}).values():
            if other is not record:
                other.status = "superseded"

    # Writes

    def _write(self, event: Set) -> None:
        runtime = event.runtime_id
        window = self._windows.get(runtime)
        if window is not None:
            window.record.late.append((event.seq, event.turn_id))
        if self._owner != runtime:
            self._write_by_another(event, window)
        if self._owner == runtime:
            self._owner_turn = event.turn_id
            self._stretches[-1].turns[event.turn_id] = None
            if self._came_by is not None and self._came_by.first_write_seq is None:
                self._came_by.first_write_seq = event.seq
                self._came_by.first_turn = event.turn_id

    def _write_by_another(self, event: Set, window: LateWindow | None) -> None:
        """A set by a runtime that does not have the session; perhaps no runtime has it."""
        runtime = event.runtime_id
        waiting = self._waiting.get(runtime)
        if waiting:
            record = waiting[next(reversed(waiting))]  # the latest
            record.status = "implicit"
            self._close_waiting(runtime, record)
        elif self._owner is None:
            self._give_to(runtime, event, None)
            return
        elif window is not None and self._began_before_it_lost(event, window):
            return
        else:
            record = self._unannounced(runtime)
        record.seen_seq = event.seq - 1
        self._change_hands(record, event)

    def _began_before_it_lost(self, event: Set, window: LateWindow) -> bool:
        begun = self._begun.get((event.runtime_id, event.turn_id))
        return begun is not None and window.lost_seq is not None and begun < window.lost_seq

    # Changes

    def _add(self, record: ChangeRecord) -> ChangeRecord:
        self.records.append(record)
        return record

    def _unannounced(self, runtime: str) -> ChangeRecord:
        return self._add(
            ChangeRecord(
                source=self._owner,
                target=runtime,
                announced=False,
                status="unannounced",
                previous=self._came_by,
            )
        )

    def _change_hands(self, record: ChangeRecord, event: Set | Takeover) -> None:
        record.taken_over_at = event.ts
        record.source_turn = self._owner_turn
        window = self._windows.get(record.source) if record.source is not None else None
        # If the session was taken from it unannounced, it may take it back: that is a change.
        if record.announced and record.source != record.target and window is not None:
            window.lost_seq = event.seq
        self._give_to(record.target, event, record)

    def _give_to(self, runtime: str, event: Set | Takeover, record: ChangeRecord | None) -> None:
        if self._owner != runtime:
            self._owner, self._owner_turn = runtime, None
            seq, ts = event.seq, event.ts
            self._stretches.append(GrowingSpan(runtime, seq, ts, seq, ts, {}))
        self._came_by = record
