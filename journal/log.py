"""One session's log file: open it, read on, append, let go, in step with other processes.

Rules of this module:

- The lock order is: this log's thread lock, then the `flock` of the open file.
- An exception anywhere, Ctrl-C included, makes us forget file and projection and start
  again from what is on the disk.
- Reading never waits for another process and never writes. Only with the `flock` held
  is a tail torn rather than in the middle of being written.
- Syncs happen outside both locks, so that other writers go on meanwhile.
"""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeAlias

from msgspec import Struct

from journal import exiting
from journal.appending import allow_writing, cut_back, open_or_begin, put
from journal.backend import Maker, Projection
from journal.codec import FORMAT, Clock, control_line, digest_of, stamp
from journal.config import Durability
from journal.deletion import finish_deletion
from journal.errors import AppendError, JournalError, ReadError, ReentryError, StorageError
from journal.events import GENESIS, Event, Head, Open
from journal.following import Following
from journal.group import Group, RefusedError, Request, Take, Written
from journal.handle import LogFile
from journal.locking import (
    DEFAULT_TIMEOUT,
    attempts,
    default_writer,
    leave_stopped_threads,
    tell_after_fork,
    tell_after_stop,
)
from journal.names import Paths
from journal.recovery import begin_whole, cut_torn_tail, is_still_there
from journal.refusal import check_beginning, newer_format_error
from journal.room import Answer
from journal.scan import NO_LOG_ID
from journal.sealing import unseal
from journal.storage import DiskStorage, FileId, Storage

logger = logging.getLogger("journal")

_BIG_TAIL = 1 << 20  # bytes of a torn tail that are not worth reading at every look
_PATH_CHECK_INTERVAL = 1.0  # seconds: how soon a log replaced behind our back is noticed


@dataclass(frozen=True)
class LogOptions:
    """How logs are written. `lock_timeout` is in seconds; `writer` None means host:pid."""

    durability: Durability = "fsync"
    lock_timeout: float = DEFAULT_TIMEOUT
    writer: str | None = None
    storage: Storage = field(default_factory=DiskStorage)


_BEFORE_ALL = Head(NO_LOG_ID, 0, GENESIS)

_Appended: TypeAlias = tuple[Head, LogFile, int | None]
"""The head, the file, and the ticket for the sync if there is to be one."""


class _Encoded(Struct, frozen=True):
    """Lines to write and their events; a header if they begin a log.

    `imports` says that the first of them are an older session's.
    """

    header: Open | None
    data: bytes
    events: Sequence[Event]
    imports: bool


class FileLog:
    """A `journal.backend.Log` in a file. Opens it on first use and again when needed."""

    def __init__(self, paths: Paths, projection: Projection, options: LogOptions) -> None:
        self.paths = paths
        self.lock = threading.RLock()
        self._projection = projection
        self._options = options
        self._storage = options.storage
        self._durable = options.durability == "fsync"
        self._clock = Clock()
        self._start_afresh()
        tell_after_fork(self)
        tell_after_stop(self)

    def _start_afresh(self) -> None:
        # All guarded by `lock`.
        self._file: LogFile | None = None
        self._closed_file: FileId | None = None  # closed while idle; what was read of it is known
        self._group = Group(self._append_for_group)  # the one thing in use without it
        self._following = Following(self._storage, self.paths, self._projection)
        self._busy = False  # an append is under way in the thread that holds `lock`
        self._confirmed = True  # what we read last was read under the flock
        self._created = False  # the file was not there before we opened it
        self._deleted = False
        self._confirm_at = 0.0  # on the monotonic clock: when to look at what we read again
        self._big_tail: int | None = None  # the file's size when we last read a long torn tail
        self._writer = self._options.writer or default_writer()

    @property
    def head(self) -> Head | None:
        return self._following.scanner.head

    @property
    def size(self) -> int:
        return self._following.scanner.end

    # Reading

    @property
    def is_deleted(self) -> bool:
        """Whether the last look found a log whose deletion was begun but not finished."""
        return self._deleted

    def refresh(self) -> bool:
        if exiting.begun:
            leave_stopped_threads()
        with self.lock:
            if self._busy:  # a signal handler, or code that an append calls
                return self.head is not None
            self._busy = True
            try:
                return self._refresh_locked()
            except BaseException as error:
                self._forget_locked()
                if isinstance(error, OSError) and not isinstance(error, JournalError):
                    raise ReadError(
                        error.errno, f"{self.paths.log}: cannot be read: {error.strerror}"
                    ) from error
                raise
            finally:
                self._busy = False

    def _refresh_locked(self) -> bool:
        self._deleted = False
        file = self._file
        if (  # as most often, there is nothing new: a quarter of the time of a `get`
            file is not None
            and self._confirmed
            and file.is_current(_PATH_CHECK_INTERVAL)
            and file.size() == self._following.scanner.end > 0
        ):
            return True
        while True:
            file = self._file
            if file is None:
                try:
                    file = self._use_locked(LogFile(self._storage, self.paths.log, create=False))
                except FileNotFoundError:
                    self._forget_locked()
                    return False
            elif not file.is_current(_PATH_CHECK_INTERVAL):
                self._let_go_locked()
                continue
            if self._look_locked(file):
                return not (self._following.scanner.is_empty or self._deleted)
            self._let_go_locked()

    def _look_locked(self, file: LogFile) -> bool:
        """Read what is new in the file. False: it is not the log any more."""
        following = self._following
        size = file.size()
        if size == 0:
            check_beginning(self._storage, file, self.paths, following.scanner)
        if not self._confirmed:
            self._confirm_locked(file, size)
        if size in (following.scanner.end, self._big_tail):
            return True
        self._confirmed = False
        self._confirm_at = monotonic() + _PATH_CHECK_INTERVAL
        following.read_on(file, size)
        seal = following.scanner.seal
        if seal is not None and not file.is_current():
            return False
        if seal is not None and seal.reason == "deleted":
            self._forget_locked()
            self._deleted = True
        self._big_tail = size if size - following.scanner.end > _BIG_TAIL else None
        return True

    def _confirm_locked(self, file: LogFile, size: int) -> None:
        """What was read without the lock may have been cut back since: look again."""
        scanner = self._following.scanner
        if size == scanner.end and monotonic() < self._confirm_at:
            return
        self._confirm_at = monotonic() + _PATH_CHECK_INTERVAL
        if not is_still_there(self._storage, file, scanner):
            self._following.forget()
            self._big_tail = None

    # Appending

    def append(
        self,
        events: Sequence[Event] | Maker,
        seed: Maker | None = None,
        then: Callable[[], None] | None = None,
    ) -> Head:
        if exiting.begun:
            leave_stopped_threads()
        request = Request(events, seed, then)
        # Below a signal handler, the thread that would have to go on may be this very one.
        if self._durable and not self._group.is_inside:
            return self._group.append(request)
        try:
            head, file, ticket = self._append((request,), None)
        except RefusedError as refused:
            raise refused.error from None
        if ticket is not None:
            file.cover(ticket)
        return head

    def append_at_once(self, events: Sequence[Event], seed: Maker | None = None) -> bool:
        if self._durable or not self.lock.acquire(blocking=False):
            return False
        try:
            if not self._is_at_rest_locked():
                return False
            return self._append_locked((Request(events, seed, None),)) is not None
        except RefusedError as refused:
            raise refused.error from None
        finally:
            self.lock.release()

    def _is_at_rest_locked(self) -> bool:
        """Whether nothing has to be opened, read or mended before an append."""
        file = self._file
        if file is None or not self._confirmed or file.failed:
            return False
        try:
            return file.size() == self.size > 0 and file.is_current(_PATH_CHECK_INTERVAL)
        except OSError:
            return False  # which an append says better

    def _append_for_group(self, take: Take, since: float) -> Written:
        head, file, ticket = self._append(take, since)
        return Written(head, lambda: file.cover(ticket or 0))

    def _append(self, take: Take | Sequence[Request], since: float | None) -> _Appended:
        """Append as soon as the other process lets go.

        Between the attempts what others append is read, so that little of it is left to read
        with the lock held: eight processes get 2.5 times as much done.
        """
        with self.lock:
            done = self._append_locked(take)
        if done is not None:
            return done
        for _ in attempts(self._options.lock_timeout, self.paths.log, since):
            self.refresh()
            with self.lock:
                done = self._append_locked(take)
            if done is not None:
                return done
        raise AssertionError("this loop ends with an error")  # pragma: no cover, no mutate

    def _append_locked(self, take: Take | Sequence[Request]) -> _Appended | None:
        """Append if the lock between processes is free; None if it is not."""
        if self._busy:
            raise ReentryError(
                f"session {self.paths.session_id!r}: an append came in the middle of an append "
                "or a read on the same thread, from a signal handler or from what that calls. "
                "Nothing was written; set a flag there and append afterwards"
            )
        self._busy = True
        try:
            file = self._locked_file()
            if file is None:
                return None
            requests = take() if callable(take) else take
            end = self.size
            encoded = self._encode_locked(file, requests, end)
            if not encoded.events:
                self._step_back_locked(file, end)
                return self.head or _BEFORE_ALL, file, None
            head = self._write_locked(file, encoded, end)
            file = self._file or file  # a log that begins whole begins in another file
            ticket = file.wrote() if self._durable else None
            file.unlock()
            for request in requests:
                if request.then is not None:
                    request.then()
        except RefusedError:
            raise  # nothing was touched, so nothing has to be forgotten
        except BaseException as error:
            self._forget_locked()  # closes the file, and with that unlocks it
            if isinstance(error, OSError) and not isinstance(error, JournalError):
                raise StorageError(
                    error.errno,
                    f"session {self.paths.session_id!r}: {self.paths.log}: {error.strerror}. "
                    "Whether it was appended is unknown; read it back",
                ) from error
            raise
        finally:
            self._busy = False
        return head, file, ticket

    def flush(self) -> None:
        with self.lock:
            file = self._file
            if file is None or not self.size:
                return
            ticket = file.wrote()
        file.cover(ticket)

    def _locked_file(self) -> LogFile | None:
        """The file the path leads to, locked, writable and read to its end.

        None if another process has the lock.
        """
        while True:
            if self._file is not None and self._file.failed:
                self._forget_locked()
            file = self._file
            if file is None:
                opened, created = open_or_begin(self._storage, self.paths)
                file = self._use_locked(opened)
                self._created = created
            elif not allow_writing(file):
                self._let_go_locked()
                continue
            if not file.try_lock():
                if file.is_current():
                    return None
                self._let_go_locked()  # an archive by now, and being packed
                continue
            if self._settle_locked(file):
                return file
            self._let_go_locked()

    def _use_locked(self, file: LogFile) -> LogFile:
        if self._closed_file not in (None, file.id):
            self._detach_locked()
        self._file, self._closed_file = file, None
        self._created = False
        return file

    def _settle_locked(self, file: LogFile) -> bool:
        """With the lock held: be at the end of the right file. False: open it again."""
        following = self._following
        size = file.size()
        if size == 0 and not self._created:
            check_beginning(self._storage, file, self.paths, following.scanner)
        if size != self.size or not self._confirmed:
            if not self._confirmed and not is_still_there(self._storage, file, following.scanner):
                following.forget()
            following.read_on(file, file.size())
            if not self._settle_tail_locked(file):
                return False
            self._confirmed = True
        # Whoever fails to begin a log removes its file, without a seal.
        if not file.is_current(_PATH_CHECK_INTERVAL if self.size else 0.0):
            return False
        self._refuse_unwritable_locked(file)
        return True

    def _settle_tail_locked(self, file: LogFile) -> bool:
        """Deal with a seal and a torn tail. False: the file is not the log any more."""
        following, archive = self._following, self.paths.archive
        seal = following.scanner.seal
        if seal is not None:
            if not file.is_current():
                return False
            self._refuse_unwritable_locked(file)
            if seal.reason == "deleted":
                finish_deletion(self._storage, self.paths, seal.session_file)
                return False
            unseal(self._storage, file, following.scanner, archive)
            following.read_on(file, file.size())
        if file.size() > self.size:
            self._refuse_unwritable_locked(file)
            if not file.is_current():
                return False
            cut = cut_torn_tail(self._storage, file, following.scanner, archive)
            logger.warning(
                "session %r: %s: cut off %d bytes at offset %d that a dead writer left unfinished",
                self.paths.session_id,
                self.paths.log,
                cut,
                self.size,
            )
        return True

    def _refuse_unwritable_locked(self, file: LogFile) -> None:
        if self._following.scanner.newer_format is not None:
            raise newer_format_error(self.paths, self._following.scanner)
        error = file.write_error
        if error is not None:
            raise AppendError(
                error.errno, f"{self.paths.log}: cannot be written: {error.strerror}"
            ) from error

    def _encode_locked(self, file: LogFile, requests: Sequence[Request], end: int) -> _Encoded:
        """What to write. Raises `RefusedError`; all is then as it was."""
        if end == 0:
            self._following.forget()  # who makes events must not see a log that was deleted
        try:
            return self._encode(requests)
        except Exception as error:  # noqa: BLE001 - it is raised where it belongs
            self._step_back_locked(file, end)
            raise RefusedError(error) from None
        except BaseException:
            if end == 0:
                cut_back(self._storage, file, 0)
            raise

    def _step_back_locked(self, file: LogFile, end: int) -> None:
        """Nothing is to be written after all; a log that does not begin must not be left."""
        if end == 0:
            cut_back(self._storage, file, 0)
            self._let_go_locked()  # closes the file, and with that unlocks it
        else:
            file.unlock()

    def _encode(self, requests: Sequence[Request]) -> _Encoded:
        events: Sequence[Event] = ()
        for request in requests:
            made = request.events() if callable(request.events) else request.events
            events = made if len(requests) == 1 else [*events, *made]
        scanner = self._following.scanner
        header, lines = None, []
        older: Sequence[Event] = ()
        if events and scanner.is_empty:
            header = self._new_header()
            lines.append(control_line(header))
            seed = requests[0].seed
            if seed is not None:
                older = seed()
                events = [*older, *events]
        ts, seq, digest = self._clock.now(), scanner.seq, scanner.hash
        stamped = []
        for event in events:
            seq += 1
            line, done = stamp(event, seq, ts, self._writer, digest)
            digest = done.hash
            lines.append(line)
            stamped.append(done)
        return _Encoded(header, b"".join(lines), stamped, bool(older))

    def _write_locked(self, file: LogFile, encoded: _Encoded, end: int) -> Head:
        """Write it as one piece at the end and fold it. Returns the new head."""
        data = encoded.data
        if encoded.imports:
            self._file = begin_whole(self._storage, file, self.paths.scratch, data)
        else:
            put(self._storage, file, data, end, self.paths.session_id)
        return self._following.wrote(encoded.header, encoded.events, len(data))

    def _new_header(self) -> Open:
        return Open(
            format=FORMAT,
            session_id=self.paths.session_id,
            log_id=os.urandom(8).hex(),
            base_seq=0,
            base_hash=GENESIS,
            kept=0,
            kept_digest=digest_of(b""),
            archive=None,
            ts=self._clock.now(),
            writer=self._writer,
        )

    # Letting go

    def close(self) -> None:
        with self.lock:
            if self._busy:  # a signal handler would close what is being written to
                return
            file = self._detach_locked()
        if file is not None:
            file.close()  # outside the lock: it may have to wait for a sync

    def close_idle(self) -> Answer:
        """See `journal.room.Holder`. The next use opens the file again and goes on in it."""
        if not self.lock.acquire(blocking=False):
            return Answer.BUSY
        try:
            file = self._file
            if file is None or self._busy or file.is_synced_here:  # by whoever asks
                return Answer.NONE
            if not file.is_idle:
                return Answer.BUSY
            self._file, self._closed_file = None, file.id
            self._confirmed, self._confirm_at = False, 0.0
            file.close()
            return Answer.CLOSED
        finally:
            self.lock.release()

    def _let_go_locked(self) -> None:
        """Drop the file; the projection may go on in the next one."""
        file = self._detach_locked()
        if file is not None:
            file.close()

    def _detach_locked(self) -> LogFile | None:
        file, self._file = self._file, None
        self._closed_file = None
        self._big_tail = None
        self._following.leave_file()
        return file

    def _forget_locked(self) -> None:
        """Drop everything: the next call starts from the file on disk."""
        self._let_go_locked()
        self._following.forget()

    def after_fork(self) -> None:
        self.lock = threading.RLock()
        self._start_afresh()
        self._projection.reset()

    def after_stop(self) -> None:
        self.after_fork()  # a stopped thread may be in the middle of anything here
