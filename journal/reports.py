"""What an engine reports: sessions listed, problems found, what a compaction did.

Plain data, the same for all engines. Where something is, each engine says in its own way.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TypedDict

from msgspec import Struct, field

from journal.events import Head
from journal.reprs import count, name, quoted, repr_of_parts

_AT_NO_BYTE = frozenset({"head", "not-a-file"})  # kinds of problems
_LONGEST_TEXT = 100  # characters that `repr` shows of one


class Problem(Struct, frozen=True, kw_only=True):
    """One finding of a verification; `kind` as in `journal.damage.Damage`, or one of:

    `torn` (an unfinished append at the end), `archive` (history that should be there
    is not), `base` (a log that does not go on from its archive), `head` (the head
    noted down before is not in the log), `unreadable` (the operating system refuses to
    read an archive: whether it is damaged is unknown), `not-a-file` (of a backup: a folder, a
    link or the like stands where the file should, so it is not in the copy).

    `where` names what is damaged: a file, or whatever else the engine keeps logs in. `offset`
    and `length` are bytes in that file. An engine that has no files leaves them 0 and says the
    `location` in its own words, in a class derived from this one.
    """

    kind: str
    where: str
    offset: int = 0
    length: int = 0
    seq: int | None = None
    reason: str

    @property
    def location(self) -> str:
        """Where it is, for people to read and not for programs to take apart."""
        if self.kind in _AT_NO_BYTE:
            return self.where
        length = f", {self.length} bytes" if self.length else ""
        return f"{self.where}, byte {self.offset}{length}"

    def __str__(self) -> str:
        return f"{self.where}: {self.kind} at byte {self.offset}: {self.reason}"

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield name(self.kind)
        yield quoted(self.location, _LONGEST_TEXT)
        yield quoted(self.reason, _LONGEST_TEXT)


def when(seconds: float) -> str:
    """A moment in seconds since the epoch as a listing has it: ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


class SessionInfo(TypedDict):
    """A line of a listing. `updated_at` is ISO 8601 in UTC; sizes are in bytes."""

    session_id: str
    updated_at: str
    log_bytes: int


class SessionUsage(Struct, frozen=True, kw_only=True, gc=False):
    """What a session takes, as a listing saw it. Sizes are in bytes.

    `updated_at` and `log_bytes` are those of `SessionInfo`. `archives` names what compactions
    and repairs have put away, of `archive_bytes` together; `other_bytes` is what can be derived
    from the log again.
    """

    session_id: str
    updated_at: str
    log_bytes: int
    archives: tuple[str, ...] = ()
    archive_bytes: int = 0
    other_bytes: int = 0

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.log_bytes + self.archive_bytes + self.other_bytes

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield quoted(self.session_id)
        yield count(self.bytes, "byte")
        yield count(len(self.archives), "archive")


class CompactionReport(Struct, frozen=True, kw_only=True):
    """What a compaction did. `archive` names where the history went, if anywhere.

    The bytes are those of the log before and after: a compaction has read it all.
    """

    session_id: str
    events_before: int
    events_after: int
    bytes_before: int
    bytes_after: int
    base_seq: int
    archive: str | None

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield quoted(self.session_id)
        yield f"{count(self.events_before, 'event')} → {self.events_after:,}"
        yield f"{count(self.bytes_before, 'byte')} → {self.bytes_after:,}"


class VerifyReport(Struct, frozen=True, kw_only=True):
    """The outcome of a verification. `head` is worth noting down for the next one.

    `events` are in the log. `archived_events` is how far back from there the archives
    reach; what compaction kept of them is in the log as well. `erased` is how many events of
    all these had a state that was erased: their lines are intact without it. `relinked` is how
    many events begin a new chain after an erasure that forgot digests: their hashes are others.
    `encrypted` counts the lines of
    the log and its archives whose state is encrypted, by the id of the key.
    """

    session_id: str
    head: Head | None
    events: int
    archived_events: int
    problems: list[Problem]
    erased: int = 0
    relinked: int = 0
    encrypted: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """No problems. A session that does not exist has none, and its head is None."""
        return not self.problems

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield quoted(self.session_id)
        yield "ok" if self.ok else count(len(self.problems), "problem")
        yield count(self.events, "event")
        if self.erased:
            yield f"{self.erased:,} erased"
        yield repr(self.head) if self.head is not None else "no log"


class Unerased(Struct, frozen=True, kw_only=True):
    """What an erasure has found but cannot take out: `what` is the name of the field.

    `seqs` are the events that have it there; none for the session's id, and for a file, whose
    `reason` says why.
    """

    what: str
    seqs: list[int] = []
    reason: str = "the hash of its line covers it; delete the session to be rid of it"

    def __str__(self) -> str:
        if not self.seqs:
            return f"{self.what}: {self.reason}"
        first, more = self.seqs[0], len(self.seqs) - 1
        events = f"event {first}" + (f" and {count(more, 'other')}" if more else "")
        return f"{self.what} of {events}: {self.reason}"


class ErasureReport(Struct, frozen=True, kw_only=True):
    """What an erasure took out of one session, or would take out.

    `states` are the states that were erased: one that an archive has too counts once. `blanked`
    is how many stretches of bytes held it that are no intact lines, such as torn tails: they are
    blanked or removed. `files` were rewritten or, if they held nothing else of use, removed.
    `kept` could not be taken out.
    """

    session_id: str
    states: int
    blanked: int
    files: list[str]
    kept: list[Unerased]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not (self.states or self.blanked or self.files or self.kept)

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield quoted(self.session_id)
        yield count(self.states, "state")
        yield count(len(self.files), "file")
        if self.kept:
            yield f"{len(self.kept):,} kept"
