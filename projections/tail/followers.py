"""The followers of a tail, a few of which keep their files open. Not safe for threads."""

from collections import OrderedDict
from collections.abc import Iterator

from journal.backend import Backend, Follower
from journal.events import Cursor
from journal.room import Answer, share

_MOST_OPEN = 100  # followers that keep their file open, if there may be so many open files …
_FILES_SHARE = 4  # … that these are no more than one in so many
_MOST = 1000  # followers in memory, where all sessions are followed


class Followers:
    """One for each session that is read. Those read longest ago close their files.

    With `all_sessions` there is no end of them: of those read longest ago, a cursor is kept.
    """

    def __init__(self, backend: Backend, *, all_sessions: bool) -> None:
        self._backend = backend
        self._all_sessions = all_sessions
        self._cursors: dict[str, Cursor] = {}  # of sessions that nobody follows just now
        self._followers: OrderedDict[str, Follower] = OrderedDict()  # the last read is last
        self._open: OrderedDict[str, Follower] = OrderedDict()  # those that may have a file open

    def __iter__(self) -> Iterator[str]:
        return iter(self._followers)

    def begin(self, session_id: str, after: Cursor | None) -> Follower:
        """A new follower of a session."""
        follower = self._backend.follow(session_id, after)
        self._followers[session_id] = follower
        if self._all_sessions and len(self._followers) > _MOST:
            self._forget(*self._followers.popitem(last=False))
        self._note_open(session_id, follower)
        return follower

    def _forget(self, session_id: str, follower: Follower) -> None:
        self._open.pop(session_id, follower).close()
        self.note(session_id, follower.cursor)

    def note(self, session_id: str, cursor: Cursor | None) -> None:
        """Begin there once the session is read."""
        if cursor is not None:
            self._cursors[session_id] = cursor

    def of(self, session_id: str) -> Follower:
        """The session's follower, which is about to be read."""
        follower = self._followers.get(session_id)
        if follower is None:
            return self.begin(session_id, self._cursors.pop(session_id, None))
        self._followers.move_to_end(session_id)
        if session_id in self._open:
            self._open.move_to_end(session_id)
        else:
            self._note_open(session_id, follower)
        return follower

    def _note_open(self, session_id: str, follower: Follower) -> None:
        self._open[session_id] = follower
        while len(self._open) > share(_MOST_OPEN, _FILES_SHARE):
            self._close_oldest()

    def _close_oldest(self) -> None:
        self._open.popitem(last=False)[1].close()

    def close_idle(self) -> Answer:
        """Close one file, which is opened again when needed. See `journal.room.Holder`."""
        if len(self._open) < 2:  # the last one may be the one that needs room
            return Answer.NONE
        self._close_oldest()
        return Answer.CLOSED

    @property
    def cursors(self) -> dict[str, Cursor]:
        """How far each session has been read."""
        found = dict(self._cursors)
        for session_id, follower in self._followers.items():
            if follower.cursor is not None:
                found[session_id] = follower.cursor
        return found

    def close(self) -> None:
        """Let go of all files."""
        for follower in self._followers.values():
            follower.close()
