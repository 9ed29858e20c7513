"""What an engine reports: sessions listed, problems found, what a compaction did.

Plain data, the same for all engines. Where something is, each engine says in its own way.
"""

from collections.abc import Iterator
from typing import TypedDict

from msgspec import Struct

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


class SessionInfo(TypedDict):
    """A line of a listing. `updated_at` is ISO 8601 in UTC; sizes are in bytes."""

    session_id: str
    updated_at: str
    log_bytes: int


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
    reach; what compaction kept of them is in the log as well.
    """

    session_id: str
    head: Head | None
    events: int
    archived_events: int
    problems: list[Problem]

    @property
    def ok(self) -> bool:
        """No problems. A session that does not exist has none, and its head is None."""
        return not self.problems

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield quoted(self.session_id)
        yield "ok" if self.ok else count(len(self.problems), "problem")
        yield count(self.events, "event")
        yield repr(self.head) if self.head is not None else "no log"
