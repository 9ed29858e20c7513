"""What an audit of handoffs finds: plain frozen data, encodable as JSON as it is.

Every `…_seq` is the seq of an event; `since`, `until` and `…_at` are the timestamps that
events carry, which are only information: order is by seq.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

Status: TypeAlias = Literal["pending", "taken over", "implicit", "unannounced", "superseded"]
"""How a change of runtime went.

- `pending`: announced, and not taken over yet.
- `taken over`: announced, and answered by a takeover.
- `implicit`: announced, and the target just wrote, without a takeover.
- `unannounced`: the target took over, or wrote, without a handoff to it.
- `superseded`: announced, but then the target was handed the session again, or took it over
  without naming this handoff.
"""


class Span(Struct, frozen=True, kw_only=True):
    """A stretch of events during which one runtime had the session.

    From the event that gave it the session to the last one before another runtime got it;
    `turns` are those that this runtime wrote meanwhile, in the order of their first write.
    """

    runtime_id: str
    first_seq: int
    last_seq: int
    since: str
    until: str
    turns: tuple[str, ...]


class OpenCall(Struct, frozen=True, kw_only=True):
    """A tool call that a new owner had not seen finished.

    `runtime_id`, `turn_id` and `named_seq` are of the first set that named it in a turn that
    was still alive. `finished_seq` is the first event after what the new owner had seen that
    shows it finished, `finished_by` that event's runtime; None if there is none.
    """

    id: str
    runtime_id: str
    turn_id: str
    named_seq: int
    finished_seq: int | None
    finished_by: str | None


class Change(Struct, frozen=True, kw_only=True):
    """A change of runtime, announced or not.

    - `source` is who handed off; without a handoff, who had the session, None if unknown.
    - `handoff_seq`, `handed_off_at`, `turn_id` and `reason` are of the handoff; of one that
      is no longer in the history only `handoff_seq` is known.
    - `takeover_seq` is the takeover, None if the target just wrote. `taken_over_at` is when
      the target got the session: the takeover, or without one its first write. `seconds` is
      from `handed_off_at` to then, negative if clocks disagree.
    - `first_write_seq` is the target's first set from then on, as long as it had the session.
    - `seen_seq` is the last event the target knew of: as the takeover says, or without one
      the seq before its first write.
    - `inherited_turns`, `{runtime_id: (turn_id, …)}`, is the view as of `seen_seq`, and
      `inherited_calls` are the ids in its states, named or answered.
    - `open_calls` were named up to `seen_seq` in turns of that view, also in earlier versions
      of them, and not finished by then.
    - `late_writes` are the sets that the source made after it handed off, until it was handed
      the session, took it over, or handed off anew.
    """

    source: str | None
    target: str
    status: Status
    announced: bool
    handoff_seq: int | None
    handed_off_at: str | None
    takeover_seq: int | None
    taken_over_at: str | None
    first_write_seq: int | None
    seconds: float | None
    seen_seq: int | None
    turn_id: str | None
    reason: str | None
    inherited_turns: dict[str, tuple[str, ...]]
    inherited_calls: tuple[str, ...]
    open_calls: tuple[OpenCall, ...]
    late_writes: tuple[int, ...]


class Conflict(Struct, frozen=True, kw_only=True):
    """Two successive sets of a turn, by two runtimes, with no handoff from one to the other."""

    previous_runtime_id: str
    previous_seq: int
    runtime_id: str
    seq: int


class TurnRun(Struct, frozen=True, kw_only=True):
    """All that one runtime wrote of one turn.

    `calls` are the ids that its states name or answer, `finished_calls` those that its states
    show finished. `had_session`: at its first write it had the session, or had been handed
    it, or nobody had it.
    """

    runtime_id: str
    first_seq: int
    last_seq: int
    writes: int
    writers: tuple[str, ...]
    calls: tuple[str, ...]
    finished_calls: tuple[str, ...]
    had_session: bool


class DoubleRun(Struct, frozen=True, kw_only=True):
    """A turn that several runtimes wrote; `runs` in the order of their first write of it.

    With `conflicts`, they did so without a handoff in between; without, they shared it.
    """

    turn_id: str
    runs: tuple[TurnRun, ...]
    conflicts: tuple[Conflict, ...]


class HandoffAudit(Struct, frozen=True, kw_only=True):
    """Who had the session when, what was handed over, and what went wrong.

    `changes` are in the order of their first event, `double_runs` and `shared_turns` in that
    of their turn's first write. `lost_calls` were open at some change, at the first of which
    they are shown, and nothing in the history shows them finished.
    """

    spans: tuple[Span, ...]
    changes: tuple[Change, ...]
    double_runs: tuple[DoubleRun, ...]
    shared_turns: tuple[DoubleRun, ...]
    lost_calls: tuple[OpenCall, ...]

    @property
    def ok(self) -> bool:
        """No double run, unannounced change, late write or lost call.

        A handoff that is pending is no fault, nor is one that was superseded or taken over
        implicitly, nor a shared turn.
        """
        faults = (change.late_writes or not change.announced for change in self.changes)
        return not (self.double_runs or self.lost_calls or any(faults))
