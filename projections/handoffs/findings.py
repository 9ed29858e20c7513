"""What an audit of handoffs finds: plain frozen data that can be encoded as JSON.

Every `…_seq` is the seq of an event. `since`, `until` and `…_at` are timestamps of events.
They are only information: order is by seq. A turn is named by its runtime and its id, since
several runtimes may use the same ids.
"""

from collections.abc import Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from journal.reprs import count, name, repr_of_parts, turn_name
from projections.turns.statuses import TurnStatus

_MOST_RUNTIMES = 4  # that `repr` names

ChangeStatus: TypeAlias = Literal["pending", "taken over", "implicit", "unannounced", "superseded"]
"""How a change of runtime went.

- `pending`: announced, and not taken over yet.
- `taken over`: announced, and answered by a takeover.
- `implicit`: announced, and the target wrote without a takeover.
- `unannounced`: the target took over, or wrote, without a handoff to it.
- `superseded`: announced, but then the target was handed the session again, or took it over
  without naming this handoff.
"""

Severity: TypeAlias = Literal["fault", "unknown", "remark"]
"""`fault`: something went wrong. `unknown`: whether it did cannot be told. `remark`: neither."""

Kind: TypeAlias = Literal[
    "double_run",
    "unannounced",
    "late_writes",
    "lost_calls",
    "writer_gone",
    "unrecognised",
    "ambiguous_result",
    "long_open",
    "pending",
    "finished_later",
    "shared_turn",
    "children",
]
"""What a finding is about.

Faults:

- `double_run`: several runtimes ran a turn with no handoff between.
- `unannounced`: a runtime took over or wrote without a handoff to it.
- `late_writes`: a runtime wrote after it had handed off.
- `lost_calls`: tool calls that were open at a change, and that nothing shows finished.
- `writer_gone`: a turn is open, and the process that wrote it has ended.

Unknown:

- `unrecognised`: inherited turns that may hold tool calls in a form that is not known, or that
  have left out open calls.
- `ambiguous_result`: a result fits several open calls, so it is taken as that of none.

Remarks:

- `long_open`: a turn has been open ten times longer than any before it in the session, and for
  ten seconds.
- `pending`: a handoff that nobody has answered yet.
- `finished_later`: calls that were open at a change, and were finished afterwards.
- `shared_turn`: several runtimes ran a turn, with handoffs between.
- `children`: turns that ran side by side for another turn, which kept the session.
"""

TurnKey: TypeAlias = tuple[str, str]
"""A turn: its runtime and its id."""


def _span(first_seq: int, last_seq: int) -> str:
    return f"event {first_seq}" if first_seq == last_seq else f"events {first_seq} to {last_seq}"


class AuditFinding(Struct, frozen=True, kw_only=True):
    """One incident, in words: `text` is a sentence without its full stop.

    `events` are seqs and `turns` (runtime, turn) pairs that it is about. `consequences` are
    findings that follow from this one, and count as part of it.
    """

    kind: Kind
    severity: Severity
    text: str
    events: tuple[int, ...] = ()
    turns: tuple[TurnKey, ...] = ()
    consequences: tuple["AuditFinding", ...] = ()

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield f"{self.severity}: {self.kind}"
        yield name(self.text)
        yield count(len(self.consequences), "consequence")


class OwnershipSpan(Struct, frozen=True, kw_only=True):
    """A span of events during which one runtime had the session.

    It goes from the event that gave it the session to the last event before another runtime
    got it. `turns` are those that this runtime wrote meanwhile, in the order of their first
    write.
    """

    runtime_id: str
    first_seq: int
    last_seq: int
    since: str
    until: str
    turns: tuple[str, ...]

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield name(self.runtime_id)
        yield _span(self.first_seq, self.last_seq)
        yield count(len(self.turns), "turn")


class OpenCall(Struct, frozen=True, kw_only=True):
    """A tool call that a new owner had not seen finished.

    It is the call `id` of a turn; `id` is None if the model gave none. `name` is the tool's, if
    known. `number` counts the calls of the turn that have the same id, or without an id those
    of the same list and tool. `named_seq` is the first set that named it. `finished_seq` is the
    event that shows it finished, after those that the new owner had seen, and `finished_by`
    that event's runtime; both are None if there is no such event. `ambiguous_seq` is an event
    with a result that may be this call's or another's.
    """

    id: str | None
    name: str | None
    number: int
    runtime_id: str
    turn_id: str
    named_seq: int
    finished_seq: int | None
    finished_by: str | None
    ambiguous_seq: int | None = None

    @property
    def label(self) -> str:
        """The call in words: `charge_card (call_0)`, `call_0`, `charge_card without an id`."""
        again = f", number {self.number}" if self.number > 1 else ""
        if self.id is None:
            return f"{self.name or 'a call'} without an id{again}"
        if self.name is None:
            return f"{self.id}{again}"
        return f"{self.name} ({self.id}{again})"

    @property
    def is_lost(self) -> bool:
        """Whether nothing shows it finished, and no result may be its."""
        return self.finished_seq is None and self.ambiguous_seq is None

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield name(self.id if self.id is not None else self.name)
        yield turn_name(self.runtime_id, self.turn_id)
        yield f"named at {self.named_seq}"
        seq = self.finished_seq
        yield f"finished at {seq} by {name(self.finished_by)}" if seq is not None else "open"


class RuntimeChange(Struct, frozen=True, kw_only=True):
    """A change of runtime, announced or not.

    - `source` is the runtime that handed off; without a handoff, the runtime that had the
      session, None if unknown. `source_turn` is the turn that the runtime which had the session
      wrote last, None if it wrote none.
    - `handoff_seq`, `handed_off_at`, `turn_id` and `reason` are those of the handoff. If the
      handoff is no longer in the history, only `handoff_seq` is known.
    - `takeover_seq` is the takeover, None if the target wrote without one. `taken_over_at` is
      when the target got the session: at the takeover, or without one at its first write.
      `seconds` is the time from `handed_off_at` to `taken_over_at`, negative if clocks
      disagree.
    - `first_write_seq` is the target's first set while it had the session, of `first_turn`.
    - `seen_seq` is the last event that the target knew of: as the takeover says, or without
      one the seq before its first write. What it inherited is the view as of then: so many
      turns, whose states name so many calls.
    - `open_count` calls were named up to `seen_seq` in turns of that view, or in earlier
      versions of these turns, and not finished up to `seen_seq`. `open_calls` are those of them
      that were not open at another change with a smaller `seen_seq`.
    - `late_writes` are the sets that the source made after it handed off, until it was handed
      the session, took it over, or handed off again.
    """

    source: str | None
    source_turn: str | None
    target: str
    status: ChangeStatus
    announced: bool
    handoff_seq: int | None
    handed_off_at: str | None
    takeover_seq: int | None
    taken_over_at: str | None
    first_write_seq: int | None
    first_turn: str | None
    seconds: float | None
    seen_seq: int | None
    turn_id: str | None
    reason: str | None
    inherited_turns: int
    inherited_calls: int
    open_count: int
    open_calls: tuple[OpenCall, ...]
    late_writes: tuple[int, ...]

    @property
    def arrival_seq(self) -> int | None:
        """The event by which the target got the session, None if it has not got it."""
        if self.taken_over_at is None or self.takeover_seq is not None:
            return self.takeover_seq
        return self.first_write_seq

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        source = name(self.source) if self.source is not None else "?"
        yield f"{source} → {name(self.target)}"
        yield self.status
        seqs = (self.handoff_seq, self.takeover_seq, self.first_write_seq)
        for what, seq in zip(("handed off", "taken over", "wrote"), seqs, strict=True):
            if seq is not None:
                yield f"{what} at {seq}"
        yield count(self.open_count, "open call")
        yield count(len(self.late_writes), "late write")


class Conflict(Struct, frozen=True, kw_only=True):
    """Two successive sets of a turn, by two runtimes, with no handoff from one to the other."""

    previous_runtime_id: str
    previous_seq: int
    runtime_id: str
    seq: int

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield f"{name(self.previous_runtime_id)} at {self.previous_seq}"
        yield f"{name(self.runtime_id)} at {self.seq}"


class TurnRun(Struct, frozen=True, kw_only=True):
    """Everything that one runtime wrote of one turn.

    `status` is how the turn ended as this runtime has it, None if its last state says nothing.
    `agent` is the agent's name for people, if known. `calls` are labels of the calls that its
    states name, `finished_calls` of those that its states show finished. `had_session` is True
    if, at its first write, the runtime had the session or had been handed it, or nobody had it.
    """

    runtime_id: str
    agent: str | None
    status: TurnStatus | None
    first_seq: int
    last_seq: int
    writes: int
    writers: tuple[str, ...]
    calls: tuple[str, ...]
    finished_calls: tuple[str, ...]
    had_session: bool

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield name(self.runtime_id)
        yield _span(self.first_seq, self.last_seq)
        yield count(self.writes, "write")
        yield "had the session" if self.had_session else "did not have the session"


class DoubleRun(Struct, frozen=True, kw_only=True):
    """A turn that several runtimes wrote; `runs` are in the order of their first write of it.

    If there are `conflicts`, they wrote it without a handoff in between. Otherwise they
    shared it.
    """

    turn_id: str
    runs: tuple[TurnRun, ...]
    conflicts: tuple[Conflict, ...]

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield name(self.turn_id)
        yield f"run by {', '.join(name(run.runtime_id) for run in self.runs[:_MOST_RUNTIMES])}"
        yield count(len(self.conflicts), "conflict")


class ChildTurn(Struct, frozen=True, kw_only=True):
    """A turn that ran for another one, without having the session; its parent's kept it.

    `first_seq` is the first such write, `last_seq` the last. `parent_session_id` is there only
    if the parent is in another session.
    """

    runtime_id: str
    turn_id: str
    status: TurnStatus | None
    first_seq: int
    last_seq: int
    parent_runtime_id: str
    parent_turn_id: str
    tool_call_id: str | None
    parent_session_id: str | None

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield turn_name(self.runtime_id, self.turn_id)
        yield f"for {turn_name(self.parent_runtime_id, self.parent_turn_id)}"
        yield _span(self.first_seq, self.last_seq)


class HandoffAudit(Struct, frozen=True, kw_only=True):
    """Who had the session when, what was handed over, and what went wrong.

    `findings` says it in words: the faults first, then what cannot be told, then remarks. The
    rest are the facts. `changes` are in the order of their first event; `double_runs`,
    `shared_turns` and `children` in the order of their turn's first write. `lost_calls` were
    open at a change, and nothing in the history shows them finished; each is given as of the
    first such change.
    """

    findings: tuple[AuditFinding, ...]
    spans: tuple[OwnershipSpan, ...]
    changes: tuple[RuntimeChange, ...]
    double_runs: tuple[DoubleRun, ...]
    shared_turns: tuple[DoubleRun, ...]
    children: tuple[ChildTurn, ...]
    lost_calls: tuple[OpenCall, ...]

    @property
    def ok(self) -> bool | None:
        """False if there is a fault, else None if anything cannot be told, else True.

        These are no faults: a handoff that is pending, superseded or taken over implicitly, a
        shared turn, turns that ran side by side for another one.
        """
        severities = {finding.severity for finding in self.findings}
        if "fault" in severities:
            return False
        return None if "unknown" in severities else True

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield {True: "ok", False: "not ok", None: "cannot be told"}[self.ok]
        yield count(len(self.findings), "finding")
        yield count(len(self.spans), "span")
        yield count(len(self.changes), "change")
        yield count(len(self.double_runs), "double run")
        yield count(len(self.shared_turns), "shared turn")
        yield count(len(self.lost_calls), "lost call")
