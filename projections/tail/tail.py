"""Events as they arrive, from any process: of some sessions or of a whole folder.

The engine's `watch` says when to look; a `Follower` per session says what is there, so
a notice that comes late, twice or never loses and repeats nothing. What has no notice
is found by a look at everything, which takes at most a hundredth of the time.
"""

import logging
import sys
import threading
from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator, Mapping
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

from journal.backend import Backend, Follower
from journal.errors import CursorError, HistoryError, JournalError, StateTypeError, StateValueError
from journal.events import Cursor, Event, Set
from journal.room import Answer, offer, share
from journal.state import check_text, decode_state
from journal.stopping import StopEvent

if TYPE_CHECKING:
    from projections.tail.async_tail import AsyncTail

logger = logging.getLogger("journal")

After: TypeAlias = Cursor | str | Mapping[str, Cursor | str]

_MOST_OPEN = 100  # followers that keep their file open, if there may be so many open files …
_FILES_SHARE = 4  # … that these are no more than one in so many
_MOST_FOLLOWERS = 1000  # of those that follow a whole folder; of the others a cursor is kept
_LOOK_SHARE = 100  # a look at everything may take one part in this many of the time


class Arrival(NamedTuple):
    """An event of a session, and the cursor from which to go on after it.

    `lost` events before it are gone for good: they were damaged, or dropped by a
    compaction before we came to read them. Who folds events has to begin anew then. A
    cursor with another `log_id` than before shows that the session was made again.
    """

    session_id: str
    cursor: Cursor
    event: Event
    lost: int

    @property
    def state(self) -> Any:
        """What the turn holds from now on, decoded; None for events that set no state."""
        return decode_state(bytes(self.event.state)) if isinstance(self.event, Set) else None


class Tail:
    """An iterator of `Arrival`s that waits for the next one; use it in `for` or `async for`.

    Those of one session come in the order of its log, each once. For one thread at a
    time, except `stop`, which ends the iteration from any thread within milliseconds.
    Raises `CursorError` where the log is not the one that was read before (it was restored
    from a backup), `ReadError` and its siblings for sessions that were asked for by name;
    of a whole folder, what cannot be read is logged and left out until it changes.
    """

    def __init__(
        self,
        backend: Backend,
        sessions: str | Iterable[str] | None = None,
        after: After | None = None,
        from_start: bool = False,
    ) -> None:
        """Takes its place in each session now: what is appended from here on arrives.

        `sessions` is one id or several, None for all, those to come included. `after` is
        a cursor, or `{session_id: cursor}`; a session without one begins at its end, or
        at its first event with `from_start` or if it is new.
        """
        self._backend = backend
        self._names = _names(sessions)
        self._wanted_names = frozenset(self._names or ())  # for quick look-ups
        self._stop = StopEvent()
        self._reading = threading.RLock()  # nobody closes the files meanwhile
        self._from_start = from_start
        self._cursors: dict[str, Cursor] = {}  # of sessions that nobody follows just now
        self._followers: OrderedDict[str, Follower] = OrderedDict()  # the last read is last
        self._open: OrderedDict[str, Follower] = OrderedDict()  # those of them with open files
        self._broken: dict[str, str] = {}  # what was logged about sessions
        self._take_places(_cursors(after, self._names))
        self._arrivals = self._run()
        offer(self)

    def _take_places(self, after: dict[str, Cursor]) -> None:
        for session_id in self._sessions():
            follower = self._backend.follow(session_id, after.get(session_id))
            if session_id not in after and not self._from_start:
                try:
                    follower.to_end()
                except JournalError as error:
                    self._note_broken(session_id, error)
            self._keep(session_id, follower)
        for session_id, cursor in after.items():
            if session_id not in self._followers:
                self._cursors.setdefault(session_id, cursor)

    def _sessions(self) -> list[str]:
        if self._names is not None:
            return self._names
        return sorted(info["session_id"] for info in self._backend.sessions())

    # Iterating

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Arrival:
        with self._reading:
            return next(self._arrivals)

    def __aiter__(self) -> "AsyncTail":
        from projections.tail.async_tail import AsyncTail

        return AsyncTail(self)

    def _run(self) -> Generator[Arrival, None, None]:
        look_at = 0.0  # on the monotonic clock: when to look at everything again
        for news in self._backend.watch(self._stop):
            if self._stop.is_set():
                return
            if news:
                yield from self._read_all(self._wanted(news))
            elif monotonic() >= look_at:
                spent = yield from self._look()
                look_at = monotonic() + spent * _LOOK_SHARE

    def _look(self) -> Generator[Arrival, None, float]:
        """Read all sessions. Returns how long we took, without what the consumer took."""
        started = monotonic()
        for arrival in self._read_all(self._sessions()):
            yielded = monotonic()
            yield arrival
            started += monotonic() - yielded
        return monotonic() - started

    def _wanted(self, news: Iterable[str]) -> list[str]:
        return sorted(news if self._names is None else self._wanted_names.intersection(news))

    def _read_all(self, session_ids: Iterable[str]) -> Iterator[Arrival]:
        for session_id in session_ids:
            for arrival in self._read(session_id):
                yield arrival
                if self._stop.is_set():
                    return

    def _read(self, session_id: str) -> Iterator[Arrival]:
        try:
            try:
                yield from self._news_of(session_id)
            except HistoryError:  # dropped while it was read: what is left is read now
                yield from self._news_of(session_id)
            self._broken.pop(session_id, None)
        except JournalError as error:
            self._note_broken(session_id, error)

    def _news_of(self, session_id: str) -> Iterator[Arrival]:
        follower = self._follower(session_id)
        for event in follower.read():
            cursor = follower.cursor
            if cursor is not None:
                yield Arrival(session_id, cursor, event, follower.lost)

    def _note_broken(self, session_id: str, error: JournalError) -> None:
        if self._names is not None:
            raise error
        what = str(error.cursor if isinstance(error, CursorError) else error)
        if self._broken.get(session_id) != what:  # where a refused log ends changes all the time
            self._broken[session_id] = what
            logger.warning("session %r is left out: %s", session_id, error)

    # Followers

    def _follower(self, session_id: str) -> Follower:
        follower = self._followers.get(session_id)
        if follower is None:
            follower = self._backend.follow(session_id, self._cursors.pop(session_id, None))
        self._keep(session_id, follower)
        return follower

    def _keep(self, session_id: str, follower: Follower) -> None:
        """Make room: the followers that were read longest ago close, then go."""
        self._followers[session_id] = self._open[session_id] = follower
        self._followers.move_to_end(session_id)
        self._open.move_to_end(session_id)
        while len(self._open) > share(_MOST_OPEN, _FILES_SHARE):
            self._open.popitem(last=False)[1].close()
        if self._names is None and len(self._followers) > _MOST_FOLLOWERS:
            gone, oldest = self._followers.popitem(last=False)
            if oldest.cursor is not None:
                self._cursors[gone] = oldest.cursor

    def close_idle(self) -> Answer:
        """Close one follower's file; it goes on later. See `journal.room.Holder`."""
        if not self._reading.acquire(blocking=False):
            return Answer.NONE  # another thread is reading, or waits for something to read
        try:
            if len(self._open) < 2:  # the last one may be the one that needs room
                return Answer.NONE
            self._open.popitem(last=False)[1].close()
            return Answer.CLOSED
        finally:
            self._reading.release()

    @property
    def cursors(self) -> dict[str, Cursor]:
        """How far each session has been read: what `after` takes to go on from here."""
        found = dict(self._cursors)
        for session_id, follower in self._followers.items():
            if follower.cursor is not None:
                found[session_id] = follower.cursor
        return found

    # Ending

    def stop(self) -> None:
        """End the iteration, from any thread or signal handler."""
        self._stop.set()

    def close(self) -> None:
        """Stop, wait until whoever iterates in another thread has ended, let go of all files.

        Of what watches the folder too, of which the system has few (inotify).
        """
        self.stop()
        if sys.is_finalizing() and not self._reading.acquire(blocking=False):
            return  # a thread that was stopped was reading; all files end with the program
        with self._reading:
            try:
                self._arrivals.close()
            except ValueError:
                pass  # called in the middle of it, from a signal handler: it ends by itself
            for follower in self._followers.values():
                follower.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _names(sessions: str | Iterable[str] | None) -> list[str] | None:
    if sessions is None:
        return None
    if not isinstance(sessions, Iterable):
        raise StateTypeError(
            f"sessions must be an id, several ids or None, not {type(sessions).__name__}"
        )
    names = [sessions] if isinstance(sessions, str) else list(dict.fromkeys(sessions))
    for name in names:
        check_text(name, "session_id")
    return names


def _cursors(after: After | None, names: list[str] | None) -> dict[str, Cursor]:
    """`after` by session. Raises `StateTypeError` and `StateValueError`."""
    if after is None:
        return {}
    if isinstance(after, str | Cursor):
        if names is None or len(names) != 1:
            raise StateValueError(
                "one cursor is a place in one session; to follow more of them give "
                "after={session_id: cursor}"
            )
        return {names[0]: _cursor(after)}
    if not isinstance(after, Mapping):
        raise StateTypeError(
            f"after must be a cursor or {{session_id: cursor}}, not {type(after).__name__}"
        )
    return {session_id: _cursor(cursor) for session_id, cursor in after.items()}


def _cursor(value: Cursor | str) -> Cursor:
    if isinstance(value, Cursor):
        return value
    if not isinstance(value, str):
        raise StateTypeError(f"a cursor must be a Cursor or its text, not {type(value).__name__}")
    try:
        return Cursor.parse(value)
    except ValueError as error:
        raise StateValueError(str(error)) from None
