"""What every engine offers: append, read on, wait for more, compact, delete.

An engine keeps the logs of many sessions: in a folder (`journal.engines.files.directory`), in
memory (`journal.engines.memory`), later on other machines. Nothing here speaks of files,
offsets or locks. One suite of tests holds every engine to this contract.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypedDict

from msgspec import Struct

from journal.events import Cursor, Event, Head
from journal.room import Answer
from journal.stopping import StopEvent

History: TypeAlias = Literal["archive", "drop"]
"""What compaction does with what it takes out of the log."""


class Problem(Struct, frozen=True, kw_only=True):
    """One finding of a verification; `kind` as in `journal.damage.Damage`, or one of:

    `torn` (an unfinished append at the end), `archive` (history that should be there
    is not), `base` (a log that does not go on from its archive), `head` (the head
    noted down before is not in the log), `unreadable` (the operating system refuses to
    read an archive: whether it is damaged is unknown), `not-a-file` (of a backup: a folder, a
    link or the like stands where the file should, so it is not in the copy).
    """

    kind: str
    where: str
    offset: int
    length: int
    seq: int | None
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.kind} at byte {self.offset}: {self.reason}"


class Entry(NamedTuple):
    """An event and its line as it is stored, byte for byte, without the newline."""

    event: Event
    line: bytes


class Past(Struct, kw_only=True):
    """What is left of a session's history, to be read once.

    `rest` yields every event after `floor`. Of those up to `floor`, `kept` has the ones
    that compaction kept, in the order in which folding them gives the view as of `floor`; it
    is empty where `floor` is 0. Where the header that has the floor is damaged, `floor` is 0
    and `kept` has all up to the last event that is out of order. `folded_at` is when that
    compaction was, a timestamp like those of events, or empty; `floor_hash` is the hash of the
    event `floor`, empty where the header that has it is damaged. `problems` is what turned out
    to be damaged or missing; it may grow while `rest` is read.
    """

    log_id: str
    floor: int
    floor_hash: str
    folded_at: str
    kept: list[Entry]
    rest: Iterator[Entry]
    problems: list[Problem]

    @property
    def why_short(self) -> str:
        """Why not all events up to the floor are there; to be asked where there is a floor."""
        lost = (problem for problem in self.problems if problem.kind == "archive")
        if any(problem.seq is None or problem.seq <= self.floor for problem in lost):
            return f"the archive that has the events up to {self.floor} cannot be read"
        return f"compaction has dropped what was overwritten before event {self.floor}"

    def in_order(self) -> Iterator[Entry]:
        """All that is left, by seq."""
        yield from sorted(self.kept, key=lambda entry: entry.event.seq)
        yield from self.rest

    def to_fold(self) -> Iterator[Event]:
        """All that is left, in the order in which folding gives the view."""
        for entry in self.kept:
            yield entry.event
        for entry in self.rest:
            yield entry.event


class Projection(Protocol):
    """Whatever is derived from a log by folding its events."""

    def fold(self, event: Event) -> None:
        """Take in the next event. Events come once each, in the log's order."""
        ...

    def reset(self) -> None:
        """Forget everything: the log is gone or another one; its events follow anew."""
        ...


class Log(Protocol):
    """One session's log, with the projection that follows it. Safe for threads."""

    @property
    def lock(self) -> Any:
        """A reentrant lock: while it is held, the projection does not change."""
        ...

    @property
    def head(self) -> Head | None:
        """The newest event folded so far; None when there is no such session."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the log, as far as it has been read."""
        ...

    @property
    def is_deleted(self) -> bool:
        """Whether the last look found a session whose deletion was begun, not finished."""
        ...

    def refresh(self) -> bool:
        """Fold what others have appended. Returns False when there is no such session.

        Never writes or waits for a writer. Raises `ReadError` and its siblings.
        """
        ...

    def append(
        self,
        events: "Sequence[Event] | EventFactory",
        import_events: "EventFactory | None" = None,
        on_appended: Callable[[], None] | None = None,
    ) -> Head:
        """Fold what others have appended, then append `events` and fold them.

        All with one write and one sync; returns the head with them in it, once they are as
        durable as the engine was told to make them. Events that depend on what others have
        appended are given as a function, which is called when nobody else can append any
        more; if it gives none, nothing is written (the head of no log has seq 0). `import_events`
        is asked for events to put first when the log is new. `on_appended` is called, whichever
        thread does the writing, before anybody else can append. Not to be called with
        `lock` held. Raises `AppendError` (nothing
        was written), `SyncError` (unknown), `LockTimeoutError`, `UnsupportedFormatError`
        and their siblings.
        """
        ...

    def append_at_once(
        self, events: "Sequence[Event]", import_events: "EventFactory | None" = None
    ) -> bool:
        """As `append`, if that waits for nobody; else False, and nothing is written.

        It would wait for a sync, for a lock that somebody has, or for a log to be opened, read
        on in or mended. Raises as `append`.
        """
        ...

    def flush(self) -> None:
        """Make everything durable that the log holds. Raises `SyncError` and as `refresh`."""
        ...

    def close(self) -> None:
        """Let go of what is held open. The log can be used again afterwards."""
        ...

    def close_idle(self) -> Answer:
        """As `close`, if nobody is using it. Waits for nothing."""
        ...


class EventFactory(Protocol):
    """Makes events when it is time to append them. Must not touch the log itself."""

    def __call__(self) -> Sequence[Event]: ...


class Follower(Protocol):
    """A place in a session's log from which to read on. For one thread at a time.

    It holds its place across compactions, and yields from the first event on when the
    session was deleted and made again. Where the event at its place is another or gone, the
    log is not the one that was read: reading raises `CursorError`, until it is that log again.
    """

    @property
    def cursor(self) -> Cursor | None:
        """After the event last yielded; None as long as there was no log."""
        ...

    @property
    def lost(self) -> int:
        """How many events before the one last yielded are gone for good.

        Compaction has dropped them, or they were damaged. Whoever folds events has to
        begin anew, from `Backend.history`.
        """
        ...

    def read(self) -> Iterator[Event]:
        """All events after `cursor` that are there by now.

        Raises `CursorError`, `ReadError` and its siblings.
        """
        ...

    def to_end(self) -> None:
        """Skip what is there by now."""
        ...

    def close(self) -> None:
        """Let go of what is held open; it is opened again when needed."""
        ...


class SessionInfo(TypedDict):
    """A line of a listing. `updated_at` is ISO 8601 in UTC; sizes are in bytes."""

    session_id: str
    updated_at: str
    log_bytes: int


class CompactionReport(Struct, frozen=True, kw_only=True):
    """What a compaction did. `archive` names where the history went, if anywhere."""

    session_id: str
    events_before: int
    events_after: int
    bytes_before: int
    bytes_after: int
    base_seq: int
    archive: str | None


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


class Backend(Protocol):
    """The logs of many sessions. Safe for threads."""

    def open(self, session_id: str, projection: Projection) -> Log:
        """The session's log, with `projection` to be fed by it. Creates nothing."""
        ...

    def history(self, session_id: str, reaching: int = 0) -> Past | None:
        """What is left of the events after `reaching`; None when there is no such session.

        A larger `reaching` may spare reading what compaction has archived. Raises
        `ReadError` and its siblings; so does reading the past.
        """
        ...

    def follow(self, session_id: str, after: Cursor | None = None) -> Follower:
        """Reads on in a session's log from a place in it, or from its first event."""
        ...

    def watch(self, stop: StopEvent) -> Iterator[frozenset[str]]:
        """Ids of sessions that may have news, as it happens; ends soon after `stop`.

        An empty set comes once it has begun, and then at least every second: look at
        everything that you follow.
        """
        ...

    def compact(self, session_id: str, history: History = "archive") -> CompactionReport | None:
        """Rewrite a log with only what lives. None when there is no such session.

        Raises `CompactionAbandonedError` when another compaction of it is under way.
        """
        ...

    def verify(self, session_id: str, head: Head | None = None) -> VerifyReport:
        """Check every line, the chain, the archives, and that `head` is still there."""
        ...

    def delete(self, session_id: str, session_file: str | None = None) -> bool:
        """Delete a session with its history. Returns False when there was none.

        `session_file` is the name of the file that is derived from the log, if any.
        """
        ...

    def exists(self, session_id: str) -> bool: ...

    def sessions(self) -> list[SessionInfo]:
        """All sessions, in no order."""
        ...

    def close(self) -> None: ...
