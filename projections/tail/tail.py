"""Events as they arrive, from any process: of some sessions or of a whole folder.

The engine's `watch` says when to look, and a `Follower` for each session says what is there.
So a report that comes late or twice loses and repeats nothing. What nobody reports is found by
looks at a few sessions at a time, which take at most a hundredth of the time.
"""

import logging
import sys
import threading
from collections.abc import Generator, Iterable, Iterator
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from journal.backend import Backend
from journal.ciphertext import naming
from journal.errors import CursorError, JournalError, ReadError
from journal.events import Cursor, Event, Set
from journal.forking import AT_ONCE
from journal.reprs import quoted, repr_of_parts
from journal.room import Answer, offer
from journal.state import decode_state
from journal.stopping import StopEvent
from projections.tail.arguments import After, cursors_of
from projections.tail.choice import FollowedSessions, Patterns
from projections.tail.followers import Followers
from projections.tail.rounds import Rounds

if TYPE_CHECKING:
    from projections.tail.async_tail import AsyncTail

logger = logging.getLogger("journal")

_LOOK_SHARE = 100  # looks at what nobody reports may take one part in this many of the time


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
        """What the turn holds from now on, decoded; None for events that set no state.

        Raises `DamagedError`, and `EncryptionKeyError` where the state's key is not there.
        """
        if not isinstance(self.event, Set):
            return None
        with naming(self.session_id):
            return decode_state(bytes(self.event.state))

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield quoted(self.session_id)
        yield repr(self.event)
        if self.lost:
            yield f"{self.lost:,} lost before"


class Tail:
    """An iterator of `Arrival`s that waits for the next one; use it in `for` or `async for`.

    Those of one session come in the order of its log, each once. For one thread at a
    time, except `stop`, which ends the iteration from any thread within milliseconds.
    Raises `CursorError` where the log is not the one that was read before (it was restored
    from a backup), `ReadError` and its siblings for sessions that were asked for by name;
    of a whole folder, what cannot be read is logged and left out until it changes.

    Making it takes time linear in the sessions. News of one session makes it read that one,
    from where it was; at rest it costs the same however many there are. It keeps at most 100
    logs open, and in memory a follower for each session that was named, or for the last
    1,000 of a whole folder and a cursor for each of the others.
    """

    def __init__(
        self,
        backend: Backend,
        sessions: str | Iterable[str] | None = None,
        after: After | None = None,
        from_start: bool = False,
        *,
        matching: Patterns | None = None,
        excluding: Patterns | None = None,
    ) -> None:
        """Takes its place in each session now: what is appended from here on arrives.

        `sessions` is one id or several; `matching` is one pattern of ids or several, and
        `excluding` others; see `FollowedSessions`. Neither `sessions` nor `matching` stands
        for all. Sessions need not be there yet, nor the folder. `after` is a cursor, or
        `{session_id: cursor}`; a session without one begins at its end, or at its first event
        with `from_start` or if it is new.
        """
        self._backend = backend
        self._choice = FollowedSessions(sessions, matching, excluding)
        self._stop = StopEvent()
        self._reading = threading.RLock()  # nobody closes the files meanwhile
        self._followers = Followers(backend, all_sessions=self._choice.is_open)
        self._rounds = Rounds(backend, self._choice)
        self._broken: dict[str, str] = {}  # what was logged about sessions
        self._unread: set[str] = set()  # sessions to look at even if they have not changed
        self._is_unlisted = False
        self._take_places(cursors_of(after, self._choice), from_start)
        self._arrivals = self._run()
        offer(self)

    def _take_places(self, after: dict[str, Cursor], from_start: bool) -> None:
        for session_id in self._rounds.sessions():
            follower = self._followers.begin(session_id, after.get(session_id))
            if session_id in after or from_start:
                self._unread.add(session_id)
                continue
            try:
                follower.to_end()
            except JournalError as error:
                self._note_broken(session_id, error)
        for session_id in after.keys() - set(self._followers):
            self._followers.note(session_id, after[session_id])

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
        look_at = 0.0  # on the monotonic clock
        for news in self._backend.watch(self._stop):
            if self._stop.is_set():
                return
            if news:
                yield from self._read(self._wanted(news))
            elif monotonic() >= look_at:
                spent = yield from self._look()
                look_at = monotonic() + spent * _LOOK_SHARE

    def _wanted(self, news: Iterable[str]) -> list[str]:
        return sorted(filter(self._choice.wants, news))

    def _look(self) -> Generator[Arrival, None, float]:
        """What nobody reports. Returns how many seconds that took, without the consumer's."""
        started = monotonic()
        for arrival in self._read(self._due()):
            yielded = monotonic()
            yield arrival
            started += monotonic() - yielded
        return monotonic() - started

    def _due(self) -> list[str]:
        try:
            due = self._rounds.due(self._unread)
        except ReadError as error:  # which began after us; once it is over, we hear of it
            if not self._is_unlisted:
                logger.warning("sessions that are new are not followed: %s", error)
            self._is_unlisted = True
            return []
        self._is_unlisted = False
        return due

    def _read(self, session_ids: Iterable[str]) -> Iterator[Arrival]:
        """What is new in these sessions."""
        for session_id in session_ids:
            try:
                follower = self._followers.of(session_id)
                for event in follower.read():
                    cursor = follower.cursor
                    if cursor is not None:
                        yield Arrival(session_id, cursor, event, follower.lost)
                    if self._stop.is_set():
                        return
            except JournalError as error:
                self._note_broken(session_id, error)
            else:
                self._broken.pop(session_id, None)
                self._unread.discard(session_id)

    def _note_broken(self, session_id: str, error: JournalError) -> None:
        if self._choice.is_named(session_id):
            raise error
        self._unread.add(session_id)
        what = str(error.cursor if isinstance(error, CursorError) else error)
        if self._broken.get(session_id) != what:  # where a refused log ends changes all the time
            self._broken[session_id] = what
            logger.warning("session %r is left out: %s", session_id, error)

    def close_idle(self) -> Answer:
        """Close one follower's file; it goes on later. See `journal.room.Holder`."""
        has_lock: list[bool] = []
        try:
            has_lock += map(self._reading.acquire, AT_ONCE)
            if not has_lock[0]:
                return Answer.NONE  # another thread is reading, or waits for something to read
            return self._followers.close_idle()
        finally:
            if has_lock and has_lock[0]:
                self._reading.release()

    @property
    def cursors(self) -> dict[str, Cursor]:
        """How far each session has been read: what `after` takes to go on from here."""
        return self._followers.cursors

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield from self._choice.parts()
        if len(self._choice.names) == 1 and not self._choice.is_open:
            cursor = self._followers.cursors.get(self._choice.names[0])
            yield f"after {cursor!r}" if cursor is not None else "from its start"
        if self._stop.is_set():
            yield "stopped"

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
            self._followers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
