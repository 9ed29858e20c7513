"""Documents of `journal log`, `tail` and `replay`."""

from msgspec import UNSET, Raw, Struct, UnsetType

from journal.events import CURSOR_DIGITS, Cursor, Event, Handoff, Set, Takeover, Unknown
from projections.cli.documents.base import VERSION, Document
from projections.cli.documents.sessions import OriginItem


class EventItem(Document, kw_only=True):
    """An event. `cursor` is the place after it, `log_id:seq:hash`.

    Keys that the event has no value for are absent. A handoff's `runtime_id` is its source.
    """

    session_id: str
    cursor: str
    seq: int
    ts: str
    op: str
    runtime_id: str | UnsetType = UNSET
    turn_id: str | UnsetType = UNSET
    once: str | UnsetType = UNSET
    """The idempotency key under which it was appended."""
    state: Raw | UnsetType = UNSET
    erased: str | UnsetType = UNSET
    """The SHA-256 of the state, if that was erased; it reads as `{}` then."""
    encrypted_by: str | UnsetType = UNSET
    """The id of the key that the state is encrypted with, if it was not given; no `state` then."""
    source: str | UnsetType = UNSET
    target: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    handoff_seq: int | UnsetType | None = UNSET
    seen_seq: int | UnsetType | None = UNSET
    writer: str
    prev: str
    hash: str
    lost: int = 0
    """How many events before this one are gone for good."""
    line: str | UnsetType = UNSET
    """The line as it is stored, if this version does not know the op."""


class LogDocument(Document, kw_only=True):
    """`journal log`: from event `floor` on, every event is still there.

    `forked_from` is where a fork begins, whose events up to there are its origin's too; null for
    any other session.
    """

    session_id: str
    floor: int
    cursor: str
    forked_from: OriginItem | None = None
    events: list[EventItem]


def event_item(session_id: str, log_id: str, event: Event, lost: int) -> EventItem:
    item = EventItem(
        session_id=session_id,
        cursor=str(Cursor.at(log_id, event.seq, event.hash)),
        seq=event.seq,
        ts=event.ts,
        op=event.op,
        runtime_id=_given(event.runtime_id),
        turn_id=_given(event.turn_id),
        writer=event.writer,
        prev=event.prev,
        hash=event.hash,
        lost=lost,
    )
    match event:
        case Set(encrypted_by=str(key_id), erased=None):
            item.once, item.encrypted_by = _given(event.once), key_id
        case Set():
            item.once, item.state = _given(event.once), event.state
            item.erased = _given(event.erased)
        case Handoff():
            item.source, item.target = event.source, event.target
            item.reason = _given(event.reason)
        case Takeover():
            item.handoff_seq, item.seen_seq = event.handoff_seq, event.seen_seq
        case Unknown():
            item.line = event.line.decode(errors="replace")
    return item


class _SetItem(Struct, gc=False):
    """What `EventItem` has for a set, without the keys that it leaves out."""

    version: int
    session_id: str
    cursor: str
    seq: int
    ts: str
    op: str
    runtime_id: str
    turn_id: str
    state: Raw
    writer: str
    prev: str
    hash: str
    lost: int


def event_line(session_id: str, log_id: str, event: Event, lost: int) -> Struct:
    """What has the same JSON as `event_item`; for a set, made in a third of the time."""
    if type(event) is not Set or event.once or event.erased or event.encrypted_by:
        return event_item(session_id, log_id, event, lost)
    digest = event.hash
    return _SetItem(
        VERSION,
        session_id,
        f"{log_id}:{event.seq}:{digest[:CURSOR_DIGITS]}",
        event.seq,
        event.ts,
        "set",
        event.runtime_id,
        event.turn_id,
        event.state,
        event.writer,
        event.prev,
        digest,
        lost,
    )


def _given(value: str | None) -> str | UnsetType:
    return UNSET if value is None else value
