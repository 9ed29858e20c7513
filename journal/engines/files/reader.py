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

from msgspec.structs import asdict

from journal import exiting
from journal.backend import Projection
from journal.engines.files.ahead import ReadAhead
from journal.engines.files.catchup import CatchUp
from journal.engines.files.ends import last_seal
from journal.engines.files.logfile import LogFile
from journal.engines.files.resuming import SHORT
from journal.engines.files.segment import Segment
from journal.engines.files.storage import Storage
from journal.errors import DamagedError, JournalError, ReadError
from journal.events import Head
from journal.forking import AT_ONCE, leave_stopped_threads
from journal.names import Paths
from journal.reports import Problem
from journal.room import Answer

_BIG_TAIL = 1 << 20  # bytes of a torn tail that are not worth reading at every look
_TRUSTED = 1.0  # seconds: how soon reading notices a log that changed behind our back
_LONG_AGO = float("-inf")


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
        if segment is None:
            return None
        if self.catchup.shared_problems:
            return self.catchup.shared_problems[0]
        if not segment.scanner.damage:
            return None
        return Problem(where=self.paths.log, **asdict(segment.scanner.damage[0]))

    @property
    def unsaved(self) -> int:
        """See `journal.backend.Log.unsaved`."""
        segment = self.catchup.segment
        if segment is None:
            return 0
        saved, shared = self.catchup.saved_end, self.catchup.shared_size
        if segment.tip.end + shared <= SHORT:
            return 0
        return segment.tip.end - saved if saved else segment.tip.end + shared

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
        ahead = self._read_ahead(pause) if pause is not None else None
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
                return self._refresh_locked(now, ahead)
            except BaseException as error:
                self.forget_locked()
                if isinstance(error, OSError) and not isinstance(error, JournalError):
                    raise ReadError(
                        error.errno, f"{self.paths.log}: cannot be read: {error.strerror}"
                    ) from error
                raise
            finally:
                self.busy = False

    def _read_ahead(self, pause: Callable[[], object]) -> ReadAhead | None:
        """Read most of a new file without the lock, a little at a time."""
        try:
            return self.catchup.read_ahead(pause) if self._has_new_file() else None
        except (OSError, JournalError):
            return None  # whoever reads it says why

    def _has_new_file(self) -> bool:
        """Whether the path leads to a file of which nothing was read yet. Opens it."""
        with self.lock:
            if self.busy:
                return False
            self.busy = True
            try:
                segment = self.catchup.segment
                if segment is not None and self.is_open:
                    if segment.file.is_current():
                        return segment.scanner.end == 0
                    self.look_again()
                found = self._current_locked(monotonic())
                return found is not None and found.scanner.end == 0
            except OSError:
                return False
            except BaseException:
                self.forget_locked()
                raise
            finally:
                self.busy = False

    def _refresh_locked(self, now: float, ahead: ReadAhead | None = None) -> bool:
        self.is_deleted = False
        while (found := self._current_locked(now)) is not None:
            if self._look_locked(found, ahead):
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

    def _look_locked(self, segment: Segment, ahead: ReadAhead | None = None) -> bool:
        """Read what is new in the file. False: it is not the log any more."""
        size = segment.file.size()
        if size and size in (segment.scanner.end, self._big_tail):
            return True
        try:
            self.catchup.read_on(segment, size, ahead)
        except DamagedError:
            if segment.file.is_current():
                raise
            self.catchup.forget()  # what it needs has gone with it: another is there by now
            return False
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
        has_lock: list[bool] = []
        try:
            has_lock += map(self.lock.acquire, AT_ONCE)
            if not has_lock[0]:
                return Answer.BUSY
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
            if has_lock and has_lock[0]:
                self.lock.release()
