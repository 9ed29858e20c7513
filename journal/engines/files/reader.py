"""The file that is a session's log now: opened, followed to the next one, read on.

- `lock` guards everything here; a call whose name ends in `_locked` needs it held, and `busy` set.
- The lock order is: this lock, then the `flock` of the open file.
- Reading never waits for another process and never writes.
- Other programs may do anything to the file. Reading looks once a second whether the path leads
  here and the file ends as it did; what is found to have changed is read anew.
- An exception anywhere, Ctrl-C included, makes us forget file and projection and start again
  from what is on the disk.
"""

import threading
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from msgspec.structs import asdict

from journal import exiting
from journal.backend import Projection
from journal.engines.files.catchup import CatchUp
from journal.engines.files.ends import last_seal
from journal.engines.files.logfile import LogFile
from journal.engines.files.resuming import SHORT
from journal.engines.files.segment import SLICE, Segment
from journal.engines.files.storage import Storage
from journal.errors import JournalError, ReadError
from journal.events import Head
from journal.forking import leave_stopped_threads
from journal.names import Paths
from journal.reports import Problem
from journal.room import Answer

_MOST_OFTEN = 4  # times as much as there was at first is read with pauses, if others append
_BIG_TAIL = 1 << 20  # bytes of a torn tail that are not worth reading at every look
_TRUSTED = 1.0  # seconds: how soon reading notices a log that changed behind our back
_LONG_AGO = float("-inf")


class _Goal(NamedTuple):
    """Where reading in parts ends: `stop` is a place in the file of `segment`."""

    segment: Segment
    stop: int


class LogReader:
    """A projection that follows a log, whichever file that is in by now."""

    def __init__(self, storage: Storage, paths: Paths, projection: Projection) -> None:
        self.lock = threading.RLock()
        self.storage = storage
        self.paths = paths
        self.catchup = CatchUp(paths, projection)
        self.is_open = False  # the file of `catchup.segment` is; else it was closed while idle
        self.busy = False  # a call is under way in the thread that holds `lock`
        self.is_deleted = False  # the last look found a log whose deletion was begun
        self._looked = _LONG_AGO  # on the monotonic clock: the last look at path and end
        self._big_tail: int | None = None  # the file's size when we last read a long torn tail

    @property
    def head(self) -> Head | None:
        segment = self.catchup.segment
        return segment.tip.head if segment is not None else None

    @property
    def size(self) -> int:
        """Bytes of the file as far as it is known."""
        segment = self.catchup.segment
        return segment.tip.end if segment is not None else 0

    @property
    def unfolded(self) -> int:
        """See `journal.backend.Log.unfolded`."""
        segment = self.catchup.segment
        return segment.tip.end - segment.scanner.end if segment is not None else 0

    @property
    def problem(self) -> Problem | None:
        """See `journal.backend.Log.problem`."""
        segment = self.catchup.segment
        if segment is None or not segment.scanner.damage:
            return None
        return Problem(where=self.paths.log, **asdict(segment.scanner.damage[0]))

    @property
    def unsaved(self) -> int:
        """See `journal.backend.Log.unsaved`."""
        segment = self.catchup.segment
        if segment is None or segment.tip.end <= SHORT:
            return 0
        return segment.tip.end - self.catchup.saved_end

    @property
    def file(self) -> LogFile | None:
        """The log's file, if it is open."""
        segment = self.catchup.segment
        return segment.file if segment is not None and self.is_open else None

    # Reading

    def refresh(self, pause: Callable[[], object] | None = None) -> bool:
        """See `journal.backend.Log.refresh`."""
        if exiting.begun:
            leave_stopped_threads()
        goal: _Goal | None = None
        while True:
            with self.lock:
                if self.busy:  # a signal handler, or code that an append calls
                    return self.head is not None
                self.busy = True
                try:
                    now, segment = monotonic(), self.catchup.segment
                    if (  # as most often, there is nothing new
                        segment is not None
                        and self.is_open
                        and now - self._looked < _TRUSTED
                        and self.storage.size(segment.file.fd) == segment.scanner.end > 0
                    ):
                        self.is_deleted = False
                        return True
                    if pause is None:
                        return self._refresh_locked(now)
                    goal = self._read_part_locked(now, goal)
                except BaseException as error:
                    self._fail_to_read_locked(error)
                    raise
                finally:
                    self.busy = False
            if goal is None:
                pause = None
            else:
                pause()

    def _fail_to_read_locked(self, error: BaseException) -> None:
        """Start anew from what is on the disk. Raises `ReadError` for an OSError."""
        self.forget_locked()
        if isinstance(error, OSError) and not isinstance(error, JournalError):
            raise ReadError(
                error.errno, f"{self.paths.log}: cannot be read: {error.strerror}"
            ) from error

    def _read_part_locked(self, now: float, goal: _Goal | None) -> _Goal | None:
        """Read a few of the bytes up to `goal`, where it comes from the last call.

        Returns up to where to go on like that; None where little is left. Of what others append
        meanwhile, a bounded part is read: they may be quicker than we.
        """
        segment = self._current_locked(now)
        if segment is None:
            return None
        size, start, length = segment.file.size(), segment.scanner.end, SLICE
        if goal is None or goal.segment is not segment:
            goal = _Goal(segment, start + _MOST_OFTEN * (size - start))
        while segment.scanner.end == start:  # more, if a line is longer than that
            if min(size, goal.stop) - start <= length:
                return None if self._look_locked(segment) else self._next_file_locked(goal)
            self.catchup.read_on(segment, size, start + length)
            length *= 2
        return goal

    def _next_file_locked(self, goal: _Goal) -> _Goal:
        """The log goes on in another file."""
        self.leave_locked(goal.segment)
        return goal

    def _refresh_locked(self, now: float) -> bool:
        self.is_deleted = False
        while (found := self._current_locked(now)) is not None:
            if self._look_locked(found):
                return not (found.scanner.is_empty or self.is_deleted)
            self.leave_locked(found)
        return False

    def _current_locked(self, now: float) -> Segment | None:
        """What the path led to within the last second, open; None if there is nothing."""
        while True:
            segment = self.catchup.segment
            if segment is None or not self.is_open:
                try:
                    segment = self.use_locked(LogFile(self.storage, self.paths.log, create=False))
                except FileNotFoundError:
                    self.catchup.note_gone()
                    self.forget_locked()
                    return None
            elif now - self._looked < _TRUSTED:
                return segment
            elif not segment.file.is_current():
                self.leave_locked(segment)
                continue
            if not segment.is_in_step():  # with what was known of it, to be read anew then
                self.catchup.forget()
                self._big_tail = None
            self._looked = now
            return segment

    def _look_locked(self, segment: Segment) -> bool:
        """Read what is new in the file. False: it is not the log any more."""
        size = segment.file.size()
        if size and size in (segment.scanner.end, self._big_tail):
            return True
        self.catchup.read_on(segment, size)
        seal = segment.scanner.seal
        if seal is not None and not segment.file.is_current():
            return False
        if seal is not None and seal.reason == "deleted":
            self.forget_locked()
            self.is_deleted = True
        self._big_tail = size if size - segment.scanner.end > _BIG_TAIL else None
        return True

    def look_again(self) -> None:
        """Do not trust the last look: the next one opens the path if it leads elsewhere."""
        self._looked = _LONG_AGO

    def note_look(self) -> None:
        """Path and end were looked at by an append."""
        self._looked = monotonic()

    def has_looked_within(self, seconds: float) -> bool:
        """Whether path and end were last looked at no longer ago."""
        return monotonic() - self._looked < seconds

    # Opening and letting go

    def use_locked(self, file: LogFile) -> Segment:
        """Go on in a file that was just opened, or begin to read it."""
        segment = self.catchup.segment
        if segment is not None and segment.file.id == file.id:
            segment.file = file
        else:
            self._big_tail = None
            segment = Segment(self.paths, file)
            self.catchup.begin_file(segment)
        self.is_open = True
        return segment

    def leave_locked(self, segment: Segment) -> None:
        """The path leads elsewhere by now. A file without a seal was replaced by a stranger."""
        file = segment.file
        if not file.is_open or last_seal(self.storage, file.fd) is not None:
            self.catchup.losses.look_away()
        self.let_go_locked()

    def let_go_locked(self) -> None:
        """Drop the file; the projection may go on in the next one."""
        file = self._detach_locked()
        if file is not None:
            file.close()

    def _detach_locked(self) -> LogFile | None:
        file = self.file
        self.is_open = False
        self._big_tail = None
        self.catchup.begin_file(None)
        return file

    def forget_locked(self) -> None:
        """Drop everything: the next call starts from the file on disk."""
        self.let_go_locked()
        self.catchup.forget()
        self.catchup.losses.look_away()

    def close(self) -> None:
        """See `journal.backend.Log.close`."""
        with self.lock:
            if self.busy:  # a signal handler would close what is being written to
                return
            file = self._detach_locked()
            self.catchup.losses.look_away()
        if file is not None:
            file.close()  # outside the lock: it may have to wait for a sync

    def close_idle(self) -> Answer:
        """See `journal.room.Holder`. The next use opens the file again and goes on in it."""
        if not self.lock.acquire(blocking=False):
            return Answer.BUSY
        try:
            file = self.file
            if file is None or self.busy or file.is_synced_here:  # by the thread that asks
                return Answer.NONE
            if not file.is_idle:
                return Answer.BUSY
            self.is_open = False
            self.catchup.losses.look_away()
            file.close()
            return Answer.CLOSED
        finally:
            self.lock.release()
