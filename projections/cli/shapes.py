"""What `-o json` and `-o jsonl` give: the documents, and how they are written.

`journal schema` prints these as JSON Schema. `version` is raised when a field changes
its meaning or goes; fields may be added without.
"""

import re
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from journal.events import Clear, Cursor, Event, Handoff, Set, Takeover, Unknown
from projections.cli.terminal import json_plain
from projections.handoffs.findings import DoubleRun, OpenCall, OwnershipSpan, RuntimeChange

VERSION = 1


class Document(Struct, kw_only=True):
    """Every JSON document, and every line of JSONL, begins with the version of the schema."""

    version: int = VERSION


class EventItem(Document, kw_only=True):
    """An event. `cursor` is the place after it, `log_id:seq:hash`; a key is absent where the
    event has none.
    """

    session_id: str
    cursor: str
    seq: int
    ts: str
    op: str
    runtime_id: str | UnsetType = UNSET
    turn_id: str | UnsetType = UNSET
    state: Raw | UnsetType = UNSET
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
    """The line as it is stored, of an op that this version does not know."""


class LogDocument(Document, kw_only=True):
    """`journal log`: `floor` is the seq from which on every event is still there."""

    session_id: str
    floor: int
    cursor: str
    events: list[EventItem]


class SessionItem(Document, kw_only=True):
    """A session. `events` is the last seq; `error` says why the rest could not be read."""

    session_id: str
    updated_at: str
    log_bytes: int
    events: int = 0
    runtimes: int = 0
    turns: int = 0
    error: str | None = None


class SessionsDocument(Document, kw_only=True):
    """`journal sessions`, the one that changed last first."""

    sessions: list[SessionItem]


class StateDocument(Document, kw_only=True):
    """`journal show`: of all runtimes, of one, or of one turn, as `runtime_id` and `turn_id` say.

    `at` is the seq or the timestamp that was asked for, null for now.
    """

    session_id: str
    runtime_id: str | None
    turn_id: str | None
    at: int | str | None
    state: Any


class VersionItem(Document, kw_only=True):
    """A version of a turn; `state` is null where it was cleared."""

    seq: int
    ts: str
    writer: str
    cleared: bool
    state: Any


class HistoryDocument(Document, kw_only=True):
    """`journal history`, the oldest version first."""

    session_id: str
    runtime_id: str
    turn_id: str
    versions: list[VersionItem]


class DiffDocument(Document, kw_only=True):
    """`journal diff`: `patch` is JSON Patch (RFC 6902) from `old` to `new`."""

    session_id: str
    old: str
    new: str | None
    different: bool
    patch: list[dict[str, Any]]


class BlameItem(Document, kw_only=True):
    """A value of a turn and the event that set it."""

    path: str
    value: Any
    seq: int
    ts: str
    writer: str


class BlameDocument(Document, kw_only=True):
    """`journal blame`, in the order of the state."""

    session_id: str
    runtime_id: str
    turn_id: str
    at: int | str | None
    values: list[BlameItem]


class TakeoverDocument(Document, kw_only=True):
    """`journal takeover`: `state` is what the runtime inherits, of all runtimes."""

    session_id: str
    runtime_id: str
    state: dict[str, dict[str, Any]]


class ProblemItem(Document, kw_only=True):
    """Something that a verification found, at `offset` of `where`, both in bytes."""

    kind: str
    where: str
    offset: int
    length: int
    seq: int | None
    reason: str


class VerifyItem(Document, kw_only=True):
    """`journal verify`: one session. `head` is worth noting down for the next time."""

    session_id: str
    ok: bool
    head: str | None
    events: int
    archived_events: int
    problems: list[ProblemItem]


class VerifyDocument(Document, kw_only=True):
    """`journal verify` of several sessions."""

    ok: bool
    sessions: list[VerifyItem]


class BackupDocument(Document, kw_only=True):
    """`journal backup`: what is in `folder` now, and whether the copies are intact.

    `older` are sessions of PraisonAI that have no log yet. `size` is in bytes.
    """

    folder: str
    ok: bool
    archives: int
    size: int
    sessions: list[VerifyItem]
    older: list[str]


class CompactItem(Document, kw_only=True):
    """`journal compact`: one session. Sizes are in bytes."""

    session_id: str
    events_before: int
    events_after: int
    bytes_before: int
    bytes_after: int
    archive: str | None


class CompactDocument(Document, kw_only=True):
    """`journal compact`."""

    sessions: list[CompactItem]


def event_item(session_id: str, log_id: str, event: Event, lost: int) -> EventItem:
    item = EventItem(
        session_id=session_id,
        cursor=str(Cursor.at(log_id, event.seq, event.hash)),
        seq=event.seq,
        ts=event.ts,
        op=op_of(event),
        writer=event.writer,
        prev=event.prev,
        hash=event.hash,
        lost=lost,
    )
    match event:
        case Set():
            item.runtime_id, item.turn_id = event.runtime_id, event.turn_id
            item.state = event.state
        case Clear():
            item.runtime_id = _given(event.runtime_id)
        case Handoff():
            item.source, item.target = event.source, event.target
            item.turn_id, item.reason = _given(event.turn_id), _given(event.reason)
        case Takeover():
            item.runtime_id = event.runtime_id
            item.handoff_seq, item.seen_seq = event.handoff_seq, event.seen_seq
        case Unknown():
            item.line = event.line.decode(errors="replace")
    return item


def _given(value: str | None) -> str | UnsetType:
    return UNSET if value is None else value


def op_of(event: Event) -> str:
    return event.op if isinstance(event, Unknown) else type(event).__name__.lower()


_encode = msgspec.json.Encoder().encode
_SURROGATE = re.compile("[\ud800-\udfff]")


def _encoded(value: Any) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError:  # a file name that is not UTF-8, or PraisonAI's lone surrogates
        return _encode(_valid(msgspec.to_builtins(value)))


def _valid(value: Any) -> Any:
    match value:
        case str():
            return _SURROGATE.sub("\ufffd", value)
        case list():
            return list(map(_valid, value))
        case dict():
            return {_valid(key): _valid(item) for key, item in value.items()}
    return value


def json_line(value: Any) -> str:
    """One line of JSON with its newline, safe to print."""
    return json_plain(_encoded(value).decode(errors="replace")) + "\n"


def json_document(value: Any) -> str:
    """A JSON document, indented, with its newline, safe to print."""
    return json_plain(msgspec.json.format(_encoded(value)).decode(errors="replace")) + "\n"


class FindingItem(Document, kw_only=True):
    """Something that `journal doctor` found. `remedy` has commands between backticks.

    `offset`, in bytes, and `seq` say where in the file at `path`, if it is somewhere in it;
    `session_id` is null where it is of no session, or of none that is known.
    """

    severity: Literal["error", "warning", "note"]
    kind: str
    session_id: str | None
    path: str
    offset: int | None
    seq: int | None
    what: str
    remedy: str


class DoctorDocument(Document, kw_only=True):
    """`journal doctor`: the worst first. `damaged` is whether any data is."""

    folder: str
    sessions: int
    damaged: bool
    findings: list[FindingItem]


class RestoredItem(Document, kw_only=True):
    """An event that was put back, and the file that had it whole."""

    seq: int
    where: str


class RestoreItem(Document, kw_only=True):
    """`journal doctor --restore`: one session. `left` says what stays lost, and why.

    `evidence` is where the log as it was is now; null if it was left as it is.
    """

    session_id: str
    restored: list[RestoredItem]
    left: list[str]
    evidence: str | None


class RestoreDocument(Document, kw_only=True):
    """`journal doctor --restore`."""

    sessions: list[RestoreItem]


class SecretItem(Document, kw_only=True):
    """A place where a secret stands, which is not shown; or a file that cannot be read: `error`.

    `at` is the place in the event, or in the session file; empty in a line that is no JSON.
    `offset` is where the event's line begins, in bytes of the file, unpacked if it is gzipped.
    """

    session_id: str | None
    path: str
    seq: int | None
    offset: int | None
    at: str
    kind: str
    in_key: bool
    error: str | None


class SecretsDocument(Document, kw_only=True):
    """`journal doctor --secrets`: file by file."""

    folder: str
    sessions: int
    secrets: list[SecretItem]


class HandoffsDocument(Document, kw_only=True):
    """`journal handoffs`: `ok` is false when there was a fault.

    The history before event `floor` has gaps: the audit knows only what compaction kept.
    """

    session_id: str
    floor: int
    ok: bool
    spans: tuple[OwnershipSpan, ...]
    changes: tuple[RuntimeChange, ...]
    double_runs: tuple[DoubleRun, ...]
    shared_turns: tuple[DoubleRun, ...]
    lost_calls: tuple[OpenCall, ...]
