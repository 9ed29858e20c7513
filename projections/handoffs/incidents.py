"""Makes one finding of each incident, with what follows from it beneath. Pure: no I/O.

Facts that come from the same writes are one incident:

- A turn that ran twice takes in the unannounced change, the late writes and the lost calls of
  its runs.
- A late write that takes the session back takes in that change.
- A change without a handoff takes in the one by which the robbed runtime takes the session
  back, and so on.
- A turn whose writer has ended takes in its lost calls.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, field

from projections.handoffs import sentences
from projections.handoffs.findings import (
    AuditFinding,
    DoubleRun,
    Kind,
    OpenCall,
    RuntimeChange,
    TurnKey,
)
from projections.handoffs.inheritance import open_call
from projections.handoffs.lives import Life
from projections.handoffs.records import ChangeRecord
from projections.handoffs.sentences import Namer


class Change(Struct, frozen=True):
    """A change of runtime, and what is known of it besides the finding."""

    record: ChangeRecord
    found: RuntimeChange


class _Incident(Struct, eq=False, kw_only=True):
    """A fault in the making. `changes` are those without a handoff that belong to it."""

    kind: Kind
    text: str = ""
    events: list[int] = field(default_factory=list)
    turns: list[TurnKey] = field(default_factory=list)
    consequences: list[AuditFinding] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def finding(self) -> AuditFinding:
        groups = _grouped(self.changes)
        if not self.text:
            first, *groups = groups
            return _unannounced(first, [*map(_unannounced, groups), *self.consequences])
        return AuditFinding(
            kind=self.kind,
            severity="fault",
            text=self.text,
            events=tuple(sorted(set(self.events))),
            turns=tuple(dict.fromkeys(self.turns)),
            consequences=(*map(_unannounced, groups), *self.consequences),
        )


def _grouped(changes: Iterable[Change]) -> list[list[Change]]:
    """By source, target and way, so that a quarrel is not a thousand lines."""
    groups: dict[tuple[str | None, str, bool], list[Change]] = {}
    for change in changes:
        found = change.found
        key = (found.source, found.target, found.takeover_seq is not None)
        groups.setdefault(key, []).append(change)
    return list(groups.values())


def _unannounced(
    changes: Sequence[Change], consequences: Sequence[AuditFinding] = ()
) -> AuditFinding:
    found = [change.found for change in changes]
    turns = [(each.target, each.first_turn) for each in found if each.first_turn is not None]
    return AuditFinding(
        kind="unannounced",
        severity="fault",
        text=sentences.unannounced(found),
        events=tuple(each.arrival_seq for each in found if each.arrival_seq is not None),
        turns=tuple(dict.fromkeys(turns)),
        consequences=tuple(consequences),
    )


class Faults:
    """The incidents that are faults, in the order: run twice, changes, late, lost, writer gone."""

    def __init__(self, namer: Namer) -> None:
        self._namer = namer
        self._double: dict[TurnKey, _Incident] = {}
        self._gone: dict[TurnKey, _Incident] = {}
        self._late: dict[int, _Incident] = {}  # by the seq of each late write
        self._changes: dict[int, _Incident] = {}  # by the `id` of the record
        self._all: dict[Kind, list[_Incident]] = {}

    def found(self) -> Iterator[AuditFinding]:
        kinds: tuple[Kind, ...] = (
            *("double_run", "unannounced", "late_writes", "lost_calls", "writer_gone"),
        )
        for kind in kinds:
            for incident in self._all.get(kind, ()):
                yield incident.finding()

    def _add(self, incident: _Incident) -> _Incident:
        self._all.setdefault(incident.kind, []).append(incident)
        return incident

    def double_run(self, turn: DoubleRun) -> None:
        """A turn that several runtimes ran; to be noted before all else."""
        keys = [(run.runtime_id, turn.turn_id) for run in turn.runs]
        seqs = [seq for each in turn.conflicts for seq in (each.previous_seq, each.seq)]
        incident = _Incident(
            kind="double_run", text=sentences.double_run(turn), events=seqs, turns=keys
        )
        finished = sentences.finished_by(turn)
        if finished is not None:
            incident.consequences.append(
                AuditFinding(
                    kind="double_run", severity="remark", text=finished, turns=tuple(keys)
                )
            )
        self._double.update(dict.fromkeys(keys, self._add(incident)))

    def writer_gone(self, life: Life) -> None:
        """To be noted before the lost calls."""
        seqs, writer = ([], "") if life.last is None else ([life.last.seq], life.last.writer)
        calls = [open_call(call) for call in life.open_calls.values()]
        named = self._namer.turn(life.turn)
        text = sentences.writer_gone(named, life.began_at, writer, calls)
        incident = _Incident(kind="writer_gone", text=text, events=seqs, turns=[life.turn])
        self._gone[life.turn] = incident
        double = self._double.get(life.turn)
        if double is None:
            self._add(incident)
        else:
            double.consequences.append(incident.finding())

    def late_writes(self, change: Change) -> None:
        """The late writes after one handoff; to be noted before the unannounced changes."""
        source, rest = change.record.source or "", list[tuple[int, str]]()
        of_double: dict[int, tuple[_Incident, list[tuple[int, str]]]] = {}
        for seq, turn_id in change.record.late:
            double = self._double.get((source, turn_id))
            if double is None:
                rest.append((seq, turn_id))
            else:
                of_double.setdefault(id(double), (double, []))[1].append((seq, turn_id))
        for double, late in of_double.values():
            double.consequences.append(_late(change, late).finding())
        if rest:
            incident = self._add(_late(change, rest))
            self._late.update((seq, incident) for seq, _ in rest)

    def unannounced(self, change: Change) -> None:
        """To be noted in the order of the changes."""
        incident = self._home_of(change)
        incident.changes.append(change)
        self._changes[id(change.record)] = incident

    def _home_of(self, change: Change) -> _Incident:
        """The incident that a change without a handoff belongs to: another one, or its own."""
        record, found = change.record, change.found
        if record.first_turn is not None:
            double = self._double.get((record.target, record.first_turn))
            if double is not None:
                return double
        late = self._late.get(found.arrival_seq or 0)
        if late is not None:
            return late
        before = record.previous
        if before is not None and not before.announced and before.source == record.target:
            return self._changes[id(before)]
        return self._add(_Incident(kind="unannounced"))

    def lost_calls(self, target: str, calls: Sequence[OpenCall]) -> None:
        """The calls of one turn that were first open when `target` got the session."""
        turn = (calls[0].runtime_id, calls[0].turn_id)
        seqs = [call.named_seq for call in calls]
        text = sentences.lost_calls(target, calls, self._namer)
        incident = _Incident(kind="lost_calls", text=text, events=seqs, turns=[turn])
        home = self._double.get(turn) or self._gone.get(turn)
        if home is None:
            self._add(incident)
        else:
            home.consequences.append(incident.finding())


def _late(change: Change, late: Sequence[tuple[int, str]]) -> _Incident:
    source = change.record.source or ""
    return _Incident(
        kind="late_writes",
        text=sentences.late_writes(change.found, late),
        events=[seq for seq, _ in late],
        turns=[(source, turn_id) for _, turn_id in late],
    )
