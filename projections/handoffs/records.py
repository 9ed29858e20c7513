"""Changes of runtime and spans of ownership in the making: plain data, changed by the fold."""

from msgspec import Struct, field

from projections.handoffs.findings import ChangeStatus


class ChangeRecord(Struct, kw_only=True, eq=False):
    """A change of runtime in the making; `findings.RuntimeChange` explains the fields.

    `late` has the late writes with their turns. `previous` is the change by which the session
    had come to the runtime that lost it here; only for unannounced changes.
    """

    source: str | None
    target: str
    announced: bool
    status: ChangeStatus
    source_turn: str | None = None
    handoff_seq: int | None = None
    handed_off_at: str | None = None
    takeover_seq: int | None = None
    taken_over_at: str | None = None
    first_write_seq: int | None = None
    first_turn: str | None = None
    seen_seq: int | None = None
    turn_id: str | None = None
    reason: str | None = None
    late: list[tuple[int, str]] = field(default_factory=list)
    previous: "ChangeRecord | None" = None


class LateWindow(Struct, eq=False):
    """A runtime has handed off: its sets from now on are late writes of `record`.

    `lost_seq` is when it last lost the session by a handoff of its own, None if it never did.
    """

    record: ChangeRecord
    lost_seq: int | None


class GrowingSpan(Struct, eq=False):
    """An `OwnershipSpan` that grows; the keys of `turns` are in the order of their first write."""

    runtime_id: str
    first_seq: int
    since: str
    last_seq: int
    until: str
    turns: dict[str, None]


class Role(Struct, frozen=True):
    """In what role a runtime makes a set.

    `had_session`: it had the session or had been handed it, or nobody had it. `is_child`: the
    turn runs for one of the runtime that has the session.
    """

    had_session: bool
    is_child: bool
