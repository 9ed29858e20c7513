"""What an audit of handoffs finds: plain frozen data that can be encoded as JSON.

Every `…_seq` is the seq of an event. `since`, `until` and `…_at` are timestamps of events.
They are only information: order is by seq.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

Status: TypeAlias = Literal["pending", "taken over", "implicit", "unannounced", "superseded"]
"""How a change of runtime went.

- `pending`: announced, and not taken over yet.
- `taken over`: announced, and answered by a takeover.
- `implicit`: announced, and the target wrote without a takeover.
- `unannounced`: the target took over, or wrote, without a handoff to it.
- `superseded`: announced, but then the target was handed the session again, or took it over
  without naming this handoff.
"""


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


class OpenCall(Struct, frozen=True, kw_only=True):
    """A tool call that a new owner had not seen finished.

    `runtime_id`, `turn_id` and `named_seq` are those of the first set that named it in a turn
    that was still alive. `finished_seq` is the first event that shows it finished, after
    those that the new owner had seen; `finished_by` is that event's runtime. Both are None if
    there is no such event.
    """

    id: str
    runtime_id: str
    turn_id: str
    named_seq: int
    finished_seq: int | None
    finished_by: str | None


class RuntimeChange(Struct, frozen=True, kw_only=True):
    """A change of runtime, announced or not.

    - `source` is the runtime that handed off; without a handoff, the runtime that had the
      session, None if unknown.
    - `handoff_seq`, `handed_off_at`, `turn_id` and `reason` are those of the handoff. If the
      handoff is no longer in the history, only `handoff_seq` is known.
    - `takeover_seq` is the takeover, None if the target wrote without one. `taken_over_at` is
      when the target got the session: at the takeover, or without one at its first write.
      `seconds` is the time from `handed_off_at` to `taken_over_at`, negative if clocks
      disagree.
    - `first_write_seq` is the target's first set while it had the session.
    - `seen_seq` is the last event that the target knew of: as the takeover says, or without
      one the seq before its first write.
    - `inherited_turns`, `{runtime_id: (turn_id, …)}`, is the view as of `seen_seq`.
      `inherited_calls` are the ids of calls that its states name or answer.
    - `open_calls` were named up to `seen_seq` in turns of that view, or in earlier versions
      of these turns, and not finished up to `seen_seq`.
    - `late_writes` are the sets that the source made after it handed off, until it was handed
      the session, took it over, or handed off again.
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
    """Everything that one runtime wrote of one turn.

    `calls` are the ids of calls that its states name or answer, `finished_calls` those that
    its states show finished. `had_session` is True if, at its first write, the runtime had the
    session or had been handed it, or nobody had it.
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
    """A turn that several runtimes wrote; `runs` are in the order of their first write of it.

    If there are `conflicts`, they wrote it without a handoff in between. Otherwise they
    shared it.
    """

    turn_id: str
    runs: tuple[TurnRun, ...]
    conflicts: tuple[Conflict, ...]


class HandoffAudit(Struct, frozen=True, kw_only=True):
    """Who had the session when, what was handed over, and what went wrong.

    `changes` are in the order of their first event, `double_runs` and `shared_turns` in the
    order of their turn's first write. `lost_calls` were open at a change, and nothing in the
    history shows them finished; each is given as of the first such change.
    """

    spans: tuple[OwnershipSpan, ...]
    changes: tuple[RuntimeChange, ...]
    double_runs: tuple[DoubleRun, ...]
    shared_turns: tuple[DoubleRun, ...]
    lost_calls: tuple[OpenCall, ...]

    @property
    def ok(self) -> bool:
        """No double run, unannounced change, late write or lost call.

        These are not faults: a handoff that is pending, superseded or taken over implicitly,
        and a shared turn.
        """
        faults = (change.late_writes or not change.announced for change in self.changes)
        return not (self.double_runs or self.lost_calls or any(faults))
