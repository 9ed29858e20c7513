"""The events of a session's log: plain frozen data, no I/O.

An event is one JSON object on one line (`journal/README.md` has the format).
The classes below are its decoded form. An event that has not been appended yet
has `seq` 0 and no timestamp, writer or hashes: the log stamps these.

Every event has `op`, `runtime_id` and `turn_id`; the ids are None where it has none. Those that
are the same for all events of a class, or are another field's, take no room in the events.

`Open` and `Sealed` are control lines: they start and end a file and carry no seq.
"""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from msgspec import Meta, Raw, Struct

from journal.reprs import count, fields_without, name, quoted, repr_of_parts, turn_name

GENESIS = "0" * 32
"""The `prev` of a session's first event."""

NO_LOG_ID = "0" * 16
"""The log id of a log whose header is damaged, and of no log."""

CURSOR_DIGITS = 12
"""Hex digits of an event's hash in a cursor."""

_HEX = frozenset("0123456789abcdef")
_LONGEST_HEAD = 70  # characters of any that a log can have

Number: TypeAlias = Annotated[int, Meta(le=2**63 - 1)]
"""A seq, or a number of events. A line with a larger one is not intact: no log grows so long."""


class _Stamped(Struct, frozen=True, kw_only=True, gc=False, tag_field="op"):
    seq: Number = 0
    ts: str = ""
    writer: str = ""
    prev: str = ""
    hash: str = ""


class Set(_Stamped, frozen=True, kw_only=True, gc=False, tag="set"):
    """A turn's whole state: it replaces the state that the turn had before.

    If it was erased, `state` is `{}`, and `erased` the SHA-256 of what it was, 64 hex digits.
    `once` is the idempotency key under which it was appended, if it was.
    If it is encrypted, `encrypted_by` is the id of the key, and `state` what `journal.encrypted`
    makes of it: no JSON, so that nobody takes it for a state.
    """

    op: ClassVar[Literal["set"]] = "set"
    runtime_id: str
    turn_id: str
    state: Raw
    once: str | None = None
    erased: str | None = None
    encrypted_by: str | None = None

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield f"seq={self.seq}"
        yield turn_name(self.runtime_id, self.turn_id)
        if self.erased is not None:
            yield "erased"
        else:
            yield count(len(self.state), "byte") if self.encrypted_by is None else "encrypted"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return fields_without(self, "state")


class Clear(_Stamped, frozen=True, kw_only=True, gc=False, tag="clear"):
    """Drops the turns of one runtime, or of all runtimes if `runtime_id` is None."""

    op: ClassVar[Literal["clear"]] = "clear"
    turn_id: ClassVar[None] = None
    runtime_id: str | None = None

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield f"seq={self.seq}"
        yield name(self.runtime_id) if self.runtime_id is not None else "all runtimes"


class Handoff(_Stamped, frozen=True, kw_only=True, gc=False, tag="handoff"):
    """The runtime `source` gives the session to `target`."""

    op: ClassVar[Literal["handoff"]] = "handoff"
    source: str
    target: str
    turn_id: str | None = None
    reason: str | None = None

    @property
    def runtime_id(self) -> str:
        """The source, which hands over."""
        return self.source

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield f"seq={self.seq}"
        yield f"{name(self.source)} → {name(self.target)}"
        if self.turn_id is not None:
            yield name(self.turn_id)
        if self.reason is not None:
            yield quoted(self.reason)


class Takeover(_Stamped, frozen=True, kw_only=True, gc=False, tag="takeover"):
    """A runtime takes the session over, having seen all events up to `seen_seq`.

    `handoff_seq` is the handoff that it answers, None if there was none. If `seen_seq` is None,
    the log fills in the last seq before this event.
    """

    op: ClassVar[Literal["takeover"]] = "takeover"
    turn_id: ClassVar[None] = None
    runtime_id: str
    handoff_seq: Number | None = None
    seen_seq: Number | None = None

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield f"seq={self.seq}"
        yield name(self.runtime_id)
        answers = self.handoff_seq
        yield f"answers {answers}" if answers is not None else "unannounced"


class Unknown(Struct, frozen=True, kw_only=True):
    """An event whose op this version does not know: kept, but skipped by the fold.

    `runtime_id` and `turn_id` are those of the line if it has such keys with strings.
    """

    seq: int
    op: str
    prev: str
    hash: str
    line: bytes
    ts: str = ""
    writer: str = ""
    runtime_id: str | None = None
    turn_id: str | None = None

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield f"seq={self.seq}"
        yield f"op={name(self.op)}"
        if self.runtime_id is not None and self.turn_id is not None:
            yield turn_name(self.runtime_id, self.turn_id)
        elif self.runtime_id is not None:
            yield name(self.runtime_id)
        yield count(len(self.line), "byte")

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return fields_without(self, "line")


class Origin(Struct, frozen=True):
    """Where a fork begins: after event `seq` of another session, in its log `log_id`.

    `hash` is that event's. The events up to there are the fork's too.
    """

    session_id: str
    log_id: str
    seq: Number
    hash: str

    def __str__(self) -> str:
        return f"{self.session_id}@{self.seq}"

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield quoted(self.session_id)
        yield f"seq={self.seq}"


class Open(Struct, frozen=True, kw_only=True, tag_field="op", tag="open"):
    """The header, the first line of every file.

    `once` are idempotency keys of events that compaction has dropped: see `journal.once`.
    `erasures` is how often states were erased in the log: whoever has folded it before folds it
    anew when that is another number. `relinked` are the first and the last event whose hashes are
    others since then, for the digest of an erased state was forgotten.
    `origin` is that of a fork, None of others.
    """

    format: int
    session_id: str
    log_id: str
    base_seq: Number
    base_hash: str
    kept: Number
    kept_digest: str
    archive: str | None
    once: list[tuple[Number, str]] | None = None
    erasures: Number = 0
    relinked: tuple[Number, Number] | None = None
    origin: Origin | None = None
    ts: str
    writer: str
    hash: str = ""

    @property
    def shares(self) -> bool:
        """Whether the file that `archive` names is of the origin, and needed to fold this one.

        So it is until a fork is compacted: what lives of its beginning is then in its own file.
        """
        return (
            self.origin is not None
            and self.archive is not None
            and (self.base_seq, self.kept) == (self.origin.seq, 0)
        )

    @property
    def goes_on_from(self) -> tuple[str, str]:
        """The session and the log of which the file is that `archive` names."""
        if self.origin is not None and self.shares:
            return self.origin.session_id, self.origin.log_id
        return self.session_id, self.log_id


def was_relinked(header: Open | None, seq: int) -> bool:
    """Whether the event `seq` has another hash than it had, since an erasure."""
    relinked = header.relinked if header is not None else None
    return relinked is not None and relinked[0] <= seq <= relinked[1]


class Sealed(Struct, frozen=True, kw_only=True, tag_field="op", tag="sealed"):
    """The last line of a file that a compaction has replaced, or a deletion removes.

    `reason` is "compacted" or "deleted". `last_seq` and `last_hash` are those of the last event
    in the file. `session_file` is the name of the session file that is deleted with the log.
    """

    reason: str
    last_seq: Number
    last_hash: str
    ts: str
    writer: str
    session_file: str | None = None
    hash: str = ""


Event: TypeAlias = Set | Clear | Handoff | Takeover | Unknown
Record: TypeAlias = Event | Open | Sealed


class Head(Struct, frozen=True):
    """The end of a log: note it down to prove later that nothing was cut off.

    Written as `log_id:seq:hash`, with all 32 digits of the hash. `Cursor.parse` reads it too.
    The head of no log, `NO_HEAD`, has seq 0.
    """

    log_id: str
    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.log_id}:{self.seq}:{self.hash}"

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield name(str(self), _LONGEST_HEAD)

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Read `log_id:seq:hash`. Raises ValueError for any other text."""
        log_id, _, rest = text.partition(":")
        seq, _, digest = rest.partition(":")
        if not (log_id and seq.isascii() and seq.isdigit() and digest):
            raise ValueError(f"not a head: {text!r}; a head reads log_id:seq:hash")
        if len(digest) == CURSOR_DIGITS:
            raise ValueError(f"{text!r} is a cursor; a head has all digits of the hash")
        return cls(log_id, int(seq), digest)


NO_HEAD = Head(NO_LOG_ID, 0, GENESIS)
"""The head of a session that does not exist."""


class Cursor(Struct, frozen=True):
    """A place in a session's log: after event `seq` of the log `log_id`.

    `hash` is the beginning of that event's hash, 12 hex digits: a restored backup has
    other events at the same seq. Before the first event, `seq` is 0 and `hash` zeros.
    Written as `log_id:seq:hash`. The short form `log_id:seq`, whose `hash` is empty, is
    read too; which event it means cannot be checked.
    """

    log_id: str
    seq: int
    hash: str = ""

    def __str__(self) -> str:
        short = f"{self.log_id}:{self.seq}"
        return f"{short}:{self.hash}" if self.hash else short

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield name(str(self), _LONGEST_HEAD)

    @classmethod
    def at(cls, log_id: str, seq: int, digest: str) -> "Cursor":
        """The place after event `seq`, whose whole hash is `digest`, or empty if unknown."""
        return cls(log_id, seq, digest[:CURSOR_DIGITS])

    @classmethod
    def start_of(cls, log_id: str) -> "Cursor":
        """The place before the first event."""
        return cls.at(log_id, 0, GENESIS)

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read `log_id:seq:hash` or `log_id:seq`. Raises ValueError for any other text."""
        log_id, _, rest = text.partition(":")
        seq, colon, digest = rest.partition(":")
        whole = len(digest) >= CURSOR_DIGITS and _HEX.issuperset(digest)
        if not (log_id and seq.isascii() and seq.isdigit()) or bool(colon) != whole:
            raise ValueError(
                f"not a cursor: {text!r}; a cursor reads log_id:seq:hash, the hash "
                f"{CURSOR_DIGITS} hex digits or more, or log_id:seq"
            )
        return cls.at(log_id, int(seq), digest)
