"""One session's log file: open it, read on, append, let go, in step with other processes.

Rules of this module:

- The lock order is: this log's thread lock, then the `flock` of the open file.
- An exception anywhere, Ctrl-C included, makes us forget file and projection and start
  again from what is on the disk.
- Reading never waits for another process and never writes. Only with the `flock` held
  is a tail torn rather than in the middle of being written.
- Syncs happen outside both locks, so that other writers go on meanwhile.
- Other programs may do anything to the file, lock or no lock. So every append looks first,
  with the lock held: does the path lead here, and does the file end as it did (its size, and
  the hash of its last line)? Reading trusts such a look for a second. What is found to have
  changed is read anew.
"""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from msgspec import Struct

from journal import exiting
from journal.backend import EventFactory, Projection
from journal.codec import FORMAT, Clock, control_line, default_writer, digest_of, stamp
from journal.config import Durability
from journal.engines.files.appending import allow_writing, cut_back, open_or_begin, put
from journal.engines.files.catchup import CatchUp, holds
from journal.engines.files.deletion import finish_deletion, list_unlocked
from journal.engines.files.logfile import LogFile
from journal.engines.files.recovery import begin_whole, cut_torn_tail
from journal.engines.files.sealing import last_seal, unseal
from journal.engines.files.storage import DiskStorage, FileId, Storage
from journal.engines.files.validation import newer_format_error
from journal.errors import AppendError, JournalError, ReadError, ReentryError, StorageError
from journal.events import GENESIS, Event, Head, Open
from journal.forking import leave_stopped_threads, tell_after_fork, tell_after_stop
from journal.group_commit import Batch, Group, RefusedError, Request, Written
from journal.names import Paths
from journal.room import Answer
from journal.scan import NO_LOG_ID
from journal.waiting import DEFAULT_TIMEOUT, attempts

logger = logging.getLogger("journal")

_BIG_TAIL = 1 << 20  # bytes of a torn tail that are not worth reading at every look
_TRUSTED = 1.0  # seconds: how soon reading notices a log that changed behind our back
_LONG_AGO = float("-inf")


@dataclass(frozen=True)
class LogOptions:
    """How logs are written. `lock_timeout` is in seconds; `writer` None means host:pid."""

    durability: Durability = "fsync"
    lock_timeout: float = DEFAULT_TIMEOUT
    writer: str | None = None
    storage: Storage = field(default_factory=DiskStorage)


_BEFORE_ALL = Head(NO_LOG_ID, 0, GENESIS)


class _Appended(Struct, frozen=True):
    """What was written: the file, the ticket for the sync if there is to be one, and how many
    losses of events had been found by then.
    """

    head: Head
    file: LogFile
    ticket: int | None
    losses: int


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
        self._group = Group()  # the one thing in use without it
        self._catchup = CatchUp(self._storage, self.paths, self._projection)
        self._busy = False  # an append is under way in the thread that holds `lock`
        self._created = False  # the file was not there before we opened it
        self._deleted = False
        self._looked = _LONG_AGO  # on the monotonic clock: the last look at path and end
        self._big_tail: int | None = None  # the file's size when we last read a long torn tail
        self._writer = self._options.writer or default_writer()

    @property
    def head(self) -> Head | None:
        return self._catchup.scanner.head

    @property
    def size(self) -> int:
        return self._catchup.scanner.end

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
        now = monotonic()
        if (  # as most often, there is nothing new: a quarter of the time of a `get`
            file is not None
            and now - self._looked < _TRUSTED
            and file.size() == self._catchup.scanner.end > 0
        ):
            return True
        while True:
            file = self._file
            if file is None:
                try:
                    file = self._use_locked(LogFile(self._storage, self.paths.log, create=False))
                except FileNotFoundError:
                    self._catchup.note_gone()
                    self._forget_locked()
                    return False
                self._compare_locked(file)  # with what was known of it before it was closed
                self._looked = now
            elif now - self._looked >= _TRUSTED:
                if not file.is_current():
                    self._leave_locked(file)
                    continue
                self._compare_locked(file)
                self._looked = now
            if self._look_locked(file):
                return not (self._catchup.scanner.is_empty or self._deleted)
            self._leave_locked(file)

    def _compare_locked(self, file: LogFile) -> None:
        """Forget what we have read if the file is not as it was, to read it anew."""
        if not self._catchup.is_in_step(file):
            self._catchup.forget()
            self._big_tail = None

    def _look_locked(self, file: LogFile) -> bool:
        """Read what is new in the file. False: it is not the log any more."""
        catchup = self._catchup
        size = file.size()
        if size and size in (catchup.scanner.end, self._big_tail):
            return True
        catchup.read_on(file, size)
        seal = catchup.scanner.seal
        if seal is not None and not file.is_current():
            return False
        if seal is not None and seal.reason == "deleted":
            self._forget_locked()
            self._deleted = True
        self._big_tail = size if size - catchup.scanner.end > _BIG_TAIL else None
        return True

    # Appending

    def append(
        self,
        events: Sequence[Event] | EventFactory,
        import_events: EventFactory | None = None,
        on_appended: Callable[[], None] | None = None,
    ) -> Head:
        if exiting.begun:
            leave_stopped_threads()
        request = Request(events, import_events, on_appended)
        # Below a signal handler, the thread that would have to go on may be this very one.
        if self._durable and not self._group.is_inside:
            return self._group.append(request, self._append_for_group)
        try:
            done = self._append((request,), None)
        except RefusedError as refused:
            raise refused.error from None
        self._cover(done)
        return done.head

    def append_at_once(
        self, events: Sequence[Event], import_events: EventFactory | None = None
    ) -> bool:
        if self._durable or not self.lock.acquire(blocking=False):
            return False
        try:
            request = Request(events, import_events, None)
            return self._append_locked((request,), at_once=True) is not None
        except RefusedError as refused:
            raise refused.error from None
        finally:
            self.lock.release()

    def _append_for_group(self, take: Batch, since: float) -> Written:
        done = self._append(take, since)
        return Written(done.head, lambda: self._cover(done))

    def _cover(self, done: _Appended) -> None:
        """Return once it is on the disk, in the file that the path leads to. Raises `SyncError`,
        and `AppendError` when the file was replaced meanwhile and has it no more.
        """
        file, ticket = done.file, done.ticket
        while ticket is not None and not file.sync_through(ticket):
            found = self._find_again(done)
            if found is None:
                return
            file, ticket = found, found.mark_written()

    def _find_again(self, done: _Appended) -> LogFile | None:
        """The file at the path, now that it is another, with what we have appended in it.

        None if the session was deleted since. Most often another process has compacted it.
        """
        seq, where = done.head.seq, f"session {self.paths.session_id!r}: {self.paths.log}"
        with self.lock:
            self._looked = _LONG_AGO
            try:
                self.refresh()
                file = self._file
                if self._catchup.losses == done.losses:
                    return file
                there = file is not None and holds(self._storage, file, done.head)
            except OSError as error:
                raise StorageError(
                    error.errno,
                    f"{where}: cannot be read any more ({error.strerror}), just after event {seq} "
                    "was written. Whether the event is in the log is unknown; read it back",
                ) from error
        if there:
            return file
        if there is None:
            raise StorageError(
                None,
                f"{where}: was replaced by another program, and compacted, while event {seq} was "
                "written. Whether the event is in the log is unknown; read it back",
            )
        raise AppendError(
            None,
            f"{where}: was replaced, moved or deleted by another program while event {seq} was "
            "written. The event is not in the log; append it again",
        )

    def _append(self, take: Batch | Sequence[Request], since: float | None) -> _Appended:
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

    def _append_locked(
        self, take: Batch | Sequence[Request], *, at_once: bool = False
    ) -> _Appended | None:
        """Append if the lock between processes is free; None if it is not.

        With `at_once`, None as well if anything has to be opened, read or mended before.
        """
        if self._busy:
            raise ReentryError(
                f"session {self.paths.session_id!r}: an append came in the middle of an append "
                "or a read on the same thread, from a signal handler or from what that calls. "
                "Nothing was written; set a flag there and append afterwards"
            )
        self._busy = True
        try:
            file = self._locked_at_once() if at_once else self._locked_file()
            if file is None:
                return None
            requests = take() if callable(take) else take
            end = self.size
            encoded = self._encode_locked(file, requests, end)
            if not encoded.events:
                self._step_back_locked(file, end)
                return _Appended(self.head or _BEFORE_ALL, file, None, 0)
            head = self._write_locked(file, encoded, end)
            file = self._file or file  # a log that begins whole begins in another file
            ticket = file.mark_written() if self._durable else None
            file.unlock()
            for request in requests:
                if request.on_appended is not None:
                    request.on_appended()
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
        return _Appended(head, file, ticket, self._catchup.losses)

    def flush(self) -> None:
        while True:
            with self.lock:
                self.refresh()  # in one piece with the rest: others may close it at any moment
                file = self._file
                if file is None or not self.size:
                    return
                ticket = file.mark_written()
            if file.sync_through(ticket):
                return
            with self.lock:
                if self._busy:  # a signal handler in the middle of an append, which will look
                    return
                self._looked = _LONG_AGO

    def _locked_at_once(self) -> LogFile | None:
        """As `_locked_file`, if nothing has to be opened, read or mended for it; else None."""
        file = self._file
        if file is None or file.failed or not file.writes:
            return None
        try:
            if not file.try_lock():
                return None
            there = False
            try:
                there = self._is_at_end_locked(file)
            finally:
                if not there:
                    file.unlock()
        except OSError:
            return None  # which an append says better
        if there:
            self._refuse_unwritable_locked(file)
        return file if there else None

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
            elif not file.writes and not (file.is_current() and allow_writing(file)):
                self._leave_locked(file)
                continue
            if not file.try_lock():
                if file.is_current():
                    return None
                self._leave_locked(file)  # an archive by now, and being packed
                continue
            if self._is_at_end_locked(file) or self._settle_locked(file):
                self._looked = monotonic()
                self._refuse_unwritable_locked(file)
                return file
            self._leave_locked(file)

    def _use_locked(self, file: LogFile) -> LogFile:
        if self._closed_file not in (None, file.id):
            self._detach_locked()
        self._file, self._closed_file = file, None
        self._created = False
        return file

    def _is_at_end_locked(self, file: LogFile) -> bool:
        """Whether the log is as we know it, with the lock held: nearly always."""
        return self._catchup.is_at_end(file) and file.is_current()

    def _settle_locked(self, file: LogFile) -> bool:
        """With the lock held: be at the end of the right file. False: open it again."""
        # Whoever compacts or deletes a log has its lock, so the path leads here until we let
        # go, and a seal is a dead process's. A writer that fails to begin a log removes its
        # file too.
        if not file.is_current():
            return False
        size, created = file.size(), self._created
        self._created = False
        if size == 0 and created:
            self._catchup.note_gone()
            return True
        self._catchup.read_on(file, size)
        return self._settle_tail_locked(file)

    def _settle_tail_locked(self, file: LogFile) -> bool:
        """Deal with a seal and a torn tail. False: the file is not the log any more."""
        catchup = self._catchup
        seal = catchup.scanner.seal
        if seal is not None:
            self._refuse_unwritable_locked(file)
            if seal.reason == "deleted":
                self._finish_deletion_locked(file, seal.session_file)
                return False
            unseal(self._storage, file, catchup.scanner, self.paths)
            catchup.read_on(file, file.size())
        if file.size() > self.size:
            self._refuse_unwritable_locked(file)
            cut = cut_torn_tail(self._storage, file, catchup.scanner, self.paths)
            logger.warning(
                "session %r: %s: cut off %d bytes at offset %d that are no intact event; unless "
                "they were blank, %s has them",
                self.paths.session_id,
                self.paths.log,
                cut,
                self.size,
                self.paths.archive,
            )
        return True

    def _finish_deletion_locked(self, file: LogFile, session_file: str | None) -> None:
        names = list_unlocked(self._storage, self.paths, file)
        if file.try_lock() and file.is_current():  # else another process is at it
            finish_deletion(self._storage, self.paths, names, session_file)

    def _refuse_unwritable_locked(self, file: LogFile) -> None:
        if self._catchup.scanner.newer_format is not None:
            raise newer_format_error(self.paths, self._catchup.scanner)
        error = file.write_error
        if error is not None:
            raise AppendError(
                error.errno, f"{self.paths.log}: cannot be written: {error.strerror}"
            ) from error

    def _encode_locked(self, file: LogFile, requests: Sequence[Request], end: int) -> _Encoded:
        """What to write. Raises `RefusedError`; all is then as it was."""
        if end == 0:
            self._catchup.forget()  # who makes events must not see a log that was deleted
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
        scanner = self._catchup.scanner
        header, lines = None, []
        older: Sequence[Event] = ()
        if events and scanner.is_empty:
            header = self._new_header()
            lines.append(control_line(header))
            import_events = requests[0].import_events
            if import_events is not None:
                older = import_events()
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
        data = b"\n" + encoded.data if self._catchup.scanner.is_unended else encoded.data
        if encoded.imports:
            self._file = begin_whole(self._storage, file, self.paths.scratch, data)
        else:
            put(self._storage, file, data, end, self.paths.session_id)
        return self._catchup.wrote(encoded.header, encoded.events, len(data))

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
            self._catchup.look_away()
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
            self._catchup.look_away()
            file.close()
            return Answer.CLOSED
        finally:
            self.lock.release()

    def _leave_locked(self, file: LogFile) -> None:
        """The path leads elsewhere by now. A file without a seal was replaced by a stranger."""
        if not file.is_open or last_seal(self._storage, file) is not None:
            self._catchup.look_away()
        self._let_go_locked()

    def _let_go_locked(self) -> None:
        """Drop the file; the projection may go on in the next one."""
        file = self._detach_locked()
        if file is not None:
            file.close()

    def _detach_locked(self) -> LogFile | None:
        file, self._file = self._file, None
        self._closed_file = None
        self._big_tail = None
        self._catchup.leave_file()
        return file

    def _forget_locked(self) -> None:
        """Drop everything: the next call starts from the file on disk."""
        self._let_go_locked()
        self._catchup.forget()
        self._catchup.look_away()

    def after_fork(self) -> None:
        self.lock = threading.RLock()
        self._start_afresh()
        self._projection.reset()

    def after_stop(self) -> None:
        self.after_fork()  # a stopped thread may be in the middle of anything here
