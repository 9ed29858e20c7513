"""What every engine offers: append, read on, wait for more, compact, delete.

An engine keeps the logs of many sessions: in a folder (`journal.engines.files.directory`), in
memory (`journal.engines.memory`), on other machines. How it does that is its own affair: what
only one engine can do (session files, packing, a path) is a method of that engine and not
in here, and so are the options of each.

One suite of tests holds every engine to this contract. It also runs over an engine that
appends by compare-and-swap and whose answers get lost, which no product has yet.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from journal.ciphertext import is_encrypted, key_error, split
from journal.codec import PLAIN
from journal.config import Durability
from journal.errors import JournalError
from journal.events import Cursor, Event, Head, Origin
from journal.past import Newest, Past
from journal.reports import (
    CompactionReport,
    ErasureReport,
    Problem,
    SessionInfo,
    SessionUsage,
    VerifyReport,
)
from journal.room import Answer
from journal.snapshots import SavedTurn
from journal.stopping import StopEvent

if TYPE_CHECKING:
    from journal.erasing import Choice

History: TypeAlias = Literal["archive", "drop"]
"""What compaction does with what it takes out of the log."""

Order: TypeAlias = Literal["newest", "id"]
"""How sessions are listed: last changed first, or by id."""


class Projection(Protocol):
    """Whatever is derived from a log by folding its events."""

    def fold(self, event: Event) -> None:
        """Take in the next event. Events come once each, in the log's order."""
        ...

    def reset(self) -> None:
        """Forget everything: the log is gone or another one; its events follow anew."""
        ...


class EventFactory(Protocol):
    """Makes events from the newest state of the log.

    It is asked as often as others are quicker, and only what it made last is appended: so it
    makes the same of the same state and changes nothing. It may look at the projection. It must
    not append; `Log.refresh` folds nothing while it runs.
    """

    def __call__(self) -> Sequence[Event]: ...


def never() -> bool:
    """Do not stop."""
    return False


def always(_size: int, _living: int) -> bool:
    """Compact, however little is dead."""
    return True


class Opener(Protocol):
    """Decrypts the states of one session, as its projection holds them. Safe for threads."""

    @property
    def hides(self) -> bool:
        """Whether states are encrypted before they are appended: nothing else may hold them."""
        ...

    def open(self, runtime_id: str, turn_id: str, state: bytes) -> bytes:
        """The state of a turn as JSON; the same if it is not encrypted.

        Raises `EncryptionKeyError`, naming session and key, where the key is not there, and
        `DamagedError` where the state is not what was encrypted for this turn.
        """
        ...

    def hide(self, text: bytes) -> bytes:
        """JSON that has words out of states, as it may be saved; JSON too."""
        ...


class Keyless:
    """The `Opener` of an engine that has no keys."""

    hides = False

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id

    def open(self, runtime_id: str, turn_id: str, state: bytes) -> bytes:  # noqa: ARG002 - as in `Opener`
        if is_encrypted(state):
            raise key_error(split(state)[0], self._session_id)
        return state

    def hide(self, text: bytes) -> bytes:
        return text


class Log(Protocol):
    """One session's log, with the projection that follows it. Safe for threads."""

    @property
    def lock(self) -> Any:
        """A reentrant lock for threads: while it is held, the projection does not change."""
        ...

    @property
    def head(self) -> Head | None:
        """The newest event that was appended or read here; None when there is no such session."""
        ...

    @property
    def size(self) -> int | None:
        """Bytes of the log up to `head`; None where the engine does not know."""
        ...

    @property
    def unfolded(self) -> int:
        """About how many bytes of the log up to `head` were not folded yet. `refresh` does it."""
        ...

    @property
    def is_deleted(self) -> bool:
        """Whether the last look found a session whose deletion was begun, not finished.

        Always False where a deletion is one step.
        """
        ...

    def refresh(self, pause: Callable[[], object] | None = None) -> bool:
        """Fold what others have appended. Returns False when there is no such session.

        With a `pause`, much is folded a little at a time: it is called in between, while other
        threads may use the log.

        What was appended before the call, by whomever, is folded when it returns. Never writes
        or waits for a writer. Raises `ReadError`, also when the engine cannot be reached, and its
        siblings: that there is no session is never a guess.
        """
        ...

    def append(
        self,
        events: Sequence[Event] | EventFactory,
        import_events: EventFactory | None = None,
        on_appended: Callable[[], None] | None = None,
    ) -> Head:
        """Append `events` after all that others have appended.

        All of them or none, next to each other. Returns the head with them in it, once they are
        as durable as the engine promises (`Backend.durability`). They are folded, with what
        others have appended, by the next `refresh` at the latest: a writer need not read.

        Events that depend on what is in the log are given as a function: everything is folded
        then, and they are made from the newest state, as often as others are quicker, and
        appended only if nobody came between. If it makes none, nothing is written (the head of
        no log has seq 0). `import_events` makes events to put first when the log is new; it is
        repeatable too. `on_appended` is called once, in whichever thread does the writing, when
        the events are in the log and folded, and before anything later is folded into this
        projection; other processes may have appended more by then. It is not called where
        nothing was written.

        Not to be called with `lock` held. What a function raises is passed on, and nothing
        was written then. Raises `AppendError` (nothing was written; also when the engine cannot
        be reached), `LockTimeoutError` (nothing was written: others were in the way for too
        long), `SyncError` and `StorageError` (whether it was written is unknown),
        `UnsupportedFormatError` and their siblings.
        """
        ...

    def append_at_once(
        self, events: Sequence[Event], import_events: EventFactory | None = None
    ) -> bool:
        """As `append`, if that waits for nobody; else False, and nothing is written.

        It would wait for a sync, for another machine, for a lock that somebody has, or for
        a log to be opened, read on in or mended: some engines always would. Raises as `append`.
        """
        ...

    def flush(self) -> None:
        """Make everything durable that the log holds. Raises `SyncError` and as `refresh`."""
        ...

    @property
    def problem(self) -> Problem | None:
        """The first thing that is wrong with what was read of the log, if anything is."""
        ...

    @property
    def unsaved(self) -> int:
        """About how many bytes of the log opening it would have to read; 0 where that is little.

        `save` makes it none. Also 0 where the engine saves nothing.
        """
        ...

    def save(self, pause: Callable[[], object] = never) -> None:
        """Save what is folded, for the next opening, where the projection is `Freezable`.

        Folds what others have appended. O(size of the projection); calls `pause` now and then.
        Nothing depends on it: where it cannot be done, it is not, and nothing is raised.
        """
        ...

    def close(self) -> None:
        """Let go of what is held open. The log can be used again afterwards."""
        ...

    def close_idle(self) -> Answer:
        """As `close`, if nobody is using it. Waits for nothing."""
        ...


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
        """Skip what is there by now. Raises as `read`."""
        ...

    def close(self) -> None:
        """Let go of what is held open; it is opened again when needed."""
        ...


class Backend(Protocol):
    """The logs of many sessions. Safe for threads and forks.

    A forked child begins afresh with what its parent had open: it uses none of it, and ends
    none of it, for the parent goes on with it.
    """

    @property
    def durability(self) -> Durability | None:
        """What an append has survived when it returns; None if not even the end of the process.

        "fsync": the loss of power. "os": the death of the process.
        """
        ...

    def check_durability(self) -> None:
        """Ask whether `durability` can be promised, before anybody relies on it.

        One round trip, where there is somebody to ask: a server may be set up not to sync.
        Raises `StorageError` if it is, or if that cannot be found out.
        """
        ...

    def open(self, session_id: str, projection: Projection) -> Log:
        """The session's log, with `projection` to be fed by it. Creates nothing.

        Raises `StateTypeError` and `StateValueError` for what is no id.
        """
        ...

    def opener(self, session_id: str) -> Opener:
        """Decrypts what the session's projection folds, which may be encrypted.

        Events that are read in other ways come decrypted, where the key is there.
        """
        ...

    def history(self, session_id: str, reaching: int = 0) -> Past | None:
        """What is left of the events after `reaching`; None when there is no such session.

        A larger `reaching` may spare reading what compaction has archived. Raises
        `ReadError` and its siblings; so does reading the past.
        """
        ...

    def newest(self, session_id: str) -> Newest | None:
        """The newest events, without reading all of the log: for who needs only these.

        None when there is no such session, and whenever `history` has to be asked instead: the
        end of the log is not as it should be, the log is short enough to be read anyway, or the
        engine cannot read backwards. What is damaged further back is not noticed. Raises nothing
        but `StateTypeError` and `StateValueError` for what is no id.
        """
        ...

    def saved_summary(self, session_id: str) -> bytes | None:
        """The summary that was saved of the session as it is now, as its projection gave it.

        None if there is none, or the session has changed since. `Frozen.summary` makes it. What
        is damaged further back is not noticed. Raises as `newest`.
        """
        ...

    def saved_turn(self, session_id: str, runtime_id: str, turn_id: str) -> SavedTurn | None:
        """A turn as it was when the session was last saved; None if it never was.

        It may have changed since: `newest` has the events after it. Raises as `newest`.
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

    def compact(
        self,
        session_id: str,
        history: History = "archive",
        stop: Callable[[], bool] = never,
        is_wanted: Callable[[int, int], bool] = always,
        least_format: int = PLAIN,
    ) -> CompactionReport | None:
        """Rewrite a log with only what lives. None when there is no such session.

        A log whose file is of a format below `least_format` is rewritten too where nothing is
        dead, and has that format then: what needs it can be appended.

        Asks `is_wanted` once, with the bytes of the log and of those that live; if it says no,
        nothing is done, and the report says so. Asks `stop` now and then. Raises
        `CompactionAbandonedError` when that says True, or when another compaction of the session
        is under way; `StorageError`. The log is as it was then.
        """
        ...

    def erase(
        self,
        session_id: str,
        choice: "Choice",
        *,
        forget_digest: bool = False,
        dry_run: bool = False,
    ) -> ErasureReport | None:
        """Take the states that are chosen out of the log and all that is left of its history.

        None when there is no such session. With `dry_run` nothing is changed, and the report says
        what would be. Hashes, seqs, cursors and heads stay as they are, and verification passes.
        Readers and writers go on: what writers append meanwhile is looked at too, and a
        projection that has folded the log is reset and folds it anew. Interrupted anywhere, the
        log is intact, and erasing again does what was left.

        With `forget_digest` the digests of all its erased states go, too, which would confirm a
        guess. Then the events from the first of them on are linked anew: they have other hashes,
        and cursors and heads that were noted there lead nowhere.

        Raises `LockTimeoutError`, `UnsupportedFormatError`, `StorageError` and their siblings.
        """
        ...

    def verify(self, session_id: str, head: Head | None = None) -> VerifyReport:
        """Check every line, the chain, the history, and that `head` is still there.

        Raises `ReadError`.
        """
        ...

    def delete(self, session_id: str, *, force: bool = False) -> bool:
        """Delete a session with its history. Returns False when there was none.

        Raises `ForkedError` where forks share its history, unless with `force`: they keep what
        they share. Raises `AppendError` (it is still there), `StorageError` and their siblings.
        """
        ...

    def fork(self, session_id: str, to: str, at: int | Cursor | None = None) -> Head:
        """Begin the session `to` with the events of another up to `at`: a seq or a cursor.

        None is its newest event; 0 is before the first. Returns the head of the new log: it has
        an id of its own, its events keep their seqs, times and hashes, and what either session
        writes from then on, or loses to compaction and deletion, is nothing to the other. All of
        it or nothing; durable. An engine that can shares the events instead of copying them.

        Raises `NotFoundError` (no such session, or it has no such event yet), `ExistsError`
        (there is a session `to`), `HistoryError` (what was there then was dropped, or the event
        is damaged), `CursorError` (a cursor of another log, or whose event is another),
        `DamagedError`, `LockTimeoutError`, `AppendError` (there is no fork) and `StorageError`
        (whether there is one is unknown).
        """
        ...

    def origin(self, session_id: str) -> Origin | None:
        """Where a session was forked from; None if it was not, or there is no such session.

        Reads the beginning of the log. Raises `ReadError`.
        """
        ...

    def usage(self) -> Iterator[SessionUsage]:
        """Every session with what it takes, in no order. O(sessions and archives).

        No session's events are read. Raises `ReadError`.
        """
        ...

    def delete_unchanged(
        self, found: Sequence[SessionUsage], *, force: bool = False
    ) -> list[JournalError | None]:
        """Delete sessions as `delete` does, unless they have changed since `usage` saw them.

        For each, in order: None if it is deleted, else the error that `delete` raises, or
        `ChangedError`. It waits for nobody: a session that is being written stays, with
        `LockTimeoutError`. Each is deleted whole or not at all. For a few dozen at a time, which
        may share what a deletion costs; they are held open together.
        """
        ...

    def sessions(
        self, *, limit: int | None = None, order: Order = "newest"
    ) -> Iterator[SessionInfo]:
        """The sessions, at most `limit` of them. Each is found out as it is asked for.

        How much is read for the first of them is up to the engine, but no session's events are.
        Raises `ReadError`, also on the way.
        """
        ...

    def close(self) -> None:
        """Let go of what the engine itself holds open; its logs are closed by who opened them."""
        ...
