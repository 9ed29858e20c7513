"""One session's log file: read on, append, stay in step with other processes.

Rules of this module:

- The lock order is: this log's thread lock, then the `flock` of the open file.
- `_scanner` and the projection are always in step: an exception between them makes
  us forget both and read the file again, whatever it was (Ctrl-C included).
- Reading never waits and never writes. Only with the `flock` held is a tail torn
  rather than in the middle of being written.
- Syncs happen outside both locks, so that other writers go on meanwhile.
"""

import logging
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from journal.backend import Projection, Seed
from journal.codec import FORMAT, Clock, control_line, digest_of, stamp
from journal.config import Durability
from journal.deletion import finish_deletion
from journal.errors import (
    AppendError,
    DamagedError,
    JournalError,
    ReadError,
    ReentryError,
    StorageError,
    UnsupportedFormatError,
    WrongSessionError,
)
from journal.events import GENESIS, Event, Head, Open
from journal.folder import make_folders
from journal.handle import LogFile
from journal.locking import DEFAULT_TIMEOUT, attempts, default_writer, tell_after_fork
from journal.names import Paths
from journal.recovery import begin_whole, cut_torn_tail, is_still_there, lost_its_beginning
from journal.scan import Scanner
from journal.sealing import unseal
from journal.storage import DiskStorage, Storage, chunks

logger = logging.getLogger("journal")

NO_LOG_ID = "0" * 16
"""Stands for the id of a log whose header is damaged."""

_BIG_TAIL = 1 << 20  # bytes of a torn tail that are not worth reading at every look
_PATH_CHECK_INTERVAL = 1.0  # seconds: how soon a log replaced behind our back is noticed


@dataclass(frozen=True)
class LogOptions:
    """How logs are written. `lock_timeout` is in seconds; `writer` None means host:pid."""

    durability: Durability = "fsync"
    lock_timeout: float = DEFAULT_TIMEOUT
    writer: str | None = None
    storage: Storage = field(default_factory=DiskStorage)


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

    def _start_afresh(self) -> None:
        # All guarded by `lock`.
        self._file: LogFile | None = None
        self._scanner = Scanner()
        self._followed: Head | None = None  # where the projection is
        self._busy = False  # an append is under way in the thread that holds `lock`
        self._confirmed = True  # what we read last was read under the flock
        self._reported = 0  # damage already logged
        self._newer_reported = False
        self._created = False  # the file was not there before we opened it
        self._deleted = False
        self._confirm_at = 0.0  # on the monotonic clock: when to look at what we read again
        self._big_tail = -1  # the file's size when we last read a long torn tail
        self._writer = self._options.writer or default_writer()

    @property
    def head(self) -> Head | None:
        scanner = self._scanner
        if scanner.header is None and not scanner.count:
            return None
        return Head(self._log_id(), scanner.seq, scanner.hash)

    @property
    def size(self) -> int:
        return self._scanner.end

    def _log_id(self) -> str:
        header = self._scanner.header
        return header.log_id if header is not None else NO_LOG_ID

    # Reading

    @property
    def is_deleted(self) -> bool:
        """Whether the last look found a log whose deletion was begun but not finished."""
        return self._deleted

    def refresh(self) -> bool:
        with self.lock:
            if self._busy:  # a signal handler, or code that an append calls
                return self.head is not None
            try:
                return self._refresh_locked()
            except BaseException as error:
                self._forget_locked()
                if isinstance(error, OSError) and not isinstance(error, JournalError):
                    raise ReadError(
                        error.errno, f"{self.paths.log}: cannot be read: {error.strerror}"
                    ) from error
                raise

    def _refresh_locked(self) -> bool:
        self._deleted = False
        while True:
            file = self._file
            if file is None:
                try:
                    file = self._open_locked(create=False)
                except FileNotFoundError:
                    self._forget_locked()
                    return False
            elif not file.is_current(_PATH_CHECK_INTERVAL):
                self._let_go_locked()
                continue
            size = file.size()
            if size == 0:
                self._check_beginning_locked(file)
            if not self._confirmed:
                self._confirm_locked(file, size)
            if size != self._scanner.end and size != self._big_tail:
                self._confirmed = False
                self._confirm_at = monotonic() + _PATH_CHECK_INTERVAL
                self._read_on_locked(file, size)
                seal = self._scanner.seal
                if seal is not None and not file.is_current():
                    self._let_go_locked()
                    continue
                if seal is not None and seal.reason == "deleted":
                    self._forget_locked()
                    self._deleted = True
                    return False
                self._big_tail = size if size - self._scanner.end > _BIG_TAIL else -1
            return self.head is not None

    def _confirm_locked(self, file: LogFile, size: int) -> None:
        """What was read without the lock may have been cut back since: look again."""
        if size == self._scanner.end and monotonic() < self._confirm_at:
            return
        self._confirm_at = monotonic() + _PATH_CHECK_INTERVAL
        if not is_still_there(self._storage, file, self._scanner):
            self._restart_locked()

    def _open_locked(self, *, create: bool) -> LogFile:
        self._file = file = LogFile(self._storage, self.paths.log, create=create)
        self._scanner = Scanner()
        self._reported = 0
        self._created = False
        return file

    def _read_on_locked(self, file: LogFile, size: int) -> None:
        """Judge and fold the bytes that we have not seen, up to `size`."""
        if size < self._scanner.end:
            self._restart_locked()
        before = self._scanner.damage_count
        resumed = self._scanner.end > 0
        self._fold_rest_locked(file, size)
        if resumed and self._scanner.damage_count > before:
            # Either the file is damaged here, or what we read earlier, while it was being
            # written, has since been cut back and replaced. A full read tells which.
            self._restart_locked()
            self._fold_rest_locked(file, size)
        self._report_damage_locked()

    def _restart_locked(self) -> None:
        self._scanner = Scanner()
        self._reported = 0
        self._forget_projection_locked()

    def _fold_rest_locked(self, file: LogFile, size: int) -> None:
        scanner, fold = self._scanner, self._projection.fold
        scanner.rewind()
        skip = None if scanner.end == 0 else 0  # up to which seq the projection has folded
        for data in chunks(self._storage, file.fd, scanner.end, size):
            for event in scanner.feed(data):
                if skip is None:
                    skip = self._resume_point_locked()
                if event.seq > skip:
                    fold(event)
                elif event.seq == skip and event.hash != self._followed_hash():
                    self._restart_locked()
                    return self._fold_rest_locked(file, size)
        self._check_beginning_locked(file)
        if skip is None:
            skip = self._resume_point_locked()
        if scanner.seq < skip:
            self._restart_locked()
            return self._fold_rest_locked(file, size)
        self._followed = self.head
        return None

    def _followed_hash(self) -> str:
        return self._followed.hash if self._followed is not None else ""

    def _check_beginning_locked(self, file: LogFile) -> None:
        """Refuse a file that holds bytes of which nothing could be read."""
        scanner = self._scanner
        if scanner.header is not None or scanner.count or scanner.seal is not None:
            return
        if scanner.newer_format is not None:
            raise self._newer_format_error()
        if lost_its_beginning(self._storage, file, self.paths):
            raise DamagedError(
                f"{self.paths.log}: is not a journal log, or not any more: neither a header nor "
                "any intact event is in it. Restore it from a backup, or move it and what "
                f"{self.paths.archive} has of it away"
            )

    def _resume_point_locked(self) -> int:
        """The seq up to which the projection has folded the file that we begin to read.

        A compacted log is the same log: a projection that was past its base goes on. Of
        any other, an older copy of it included, it has to forget what it knew.
        """
        self._check_header_locked()
        header, followed = self._scanner.header, self._followed
        if followed is None or header is None or header.log_id != followed.log_id:
            self._forget_projection_locked()
            return 0
        if header.base_seq > followed.seq or (
            header.base_seq == followed.seq and header.base_hash != followed.hash
        ):
            self._forget_projection_locked()
            return 0
        return followed.seq

    def _check_header_locked(self) -> None:
        header = self._scanner.header
        if header is not None and header.session_id != self.paths.session_id:
            raise WrongSessionError(
                f"{self.paths.log}: holds session {header.session_id!r}, not "
                f"{self.paths.session_id!r}. Was it copied or renamed? Move it away"
            )

    def _report_damage_locked(self) -> None:
        scanner = self._scanner
        for damage in scanner.damage[self._reported :]:
            logger.error(
                "session %r: %s: %s at byte %d, %d bytes: %s. The other events are loaded; "
                "restore the file from a backup, or go on without. `verify` lists all damage",
                self.paths.session_id,
                self.paths.log,
                damage.kind,
                damage.offset,
                damage.length,
                damage.reason,
            )
        self._reported = len(scanner.damage)
        if scanner.newer_format is not None and not self._newer_reported:
            self._newer_reported = True
            logger.warning("%s. What could be read of it is loaded", self._newer_format_error())

    # Appending

    def append(self, events: Sequence[Event], seed: Seed | None = None) -> Head:
        with self.lock:
            done = self._append_locked(events, seed)
        if done is None:
            done = self._append_patiently(events, seed)
        head, file, ticket = done
        if self._durable:
            file.cover(ticket)
        return head

    def _append_patiently(
        self, events: Sequence[Event], seed: Seed | None
    ) -> tuple[Head, LogFile, int]:
        """Try until the other process lets go; reading goes on between the attempts."""
        for _ in attempts(self._options.lock_timeout, self.paths.log):
            with self.lock:
                done = self._append_locked(events, seed)
            if done is not None:
                return done
        raise AssertionError("attempts end with a return or an error")

    def _append_locked(
        self, events: Sequence[Event], seed: Seed | None
    ) -> tuple[Head, LogFile, int] | None:
        """Append if the lock between processes is free; None if it is not."""
        if self._busy:
            raise ReentryError(
                f"session {self.paths.session_id!r}: an append was interrupted to append "
                "again, by a signal handler or by what the append itself calls. Nothing was "
                "written; set a flag there and append afterwards"
            )
        self._busy = True
        try:
            file = self._locked_file()
            if file is None:
                return None
            head = self._write_locked(file, events, seed)
            file = self._file or file  # a log that begins whole begins in another file
            ticket = file.wrote() if self._durable else 0
            file.unlock()
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
            if file is None or not self._scanner.end:
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
            file = self._file or self._open_for_append_locked()
            if not file.try_lock():
                return None
            if self._settle_locked(file):
                return file
            self._let_go_locked()

    def _open_for_append_locked(self) -> LogFile:
        try:
            return self._create_locked()
        except AppendError:
            raise
        except ReadError as error:
            raise AppendError(error.errno, f"cannot append to {error}") from error
        except OSError as error:
            raise AppendError(
                error.errno, f"{self.paths.log}: cannot be created: {error.strerror}"
            ) from error

    def _create_locked(self) -> LogFile:
        try:
            return self._open_locked(create=False)
        except FileNotFoundError:
            pass  # it is ours to begin
        try:
            file = self._open_locked(create=True)
        except FileNotFoundError:
            self._make_folder_locked()
            file = self._open_locked(create=True)
        self._created = True
        return file

    def _make_folder_locked(self) -> None:
        try:
            make_folders(self._storage, self.paths.folder)
        except OSError as error:
            raise AppendError(
                error.errno,
                f"the folder {self.paths.folder} cannot be created: {error.strerror}. "
                "Choose another, or mend the permissions",
            ) from error

    def _settle_locked(self, file: LogFile) -> bool:
        """With the lock held: be at the end of the right file. False: open it again."""
        scanner = self._scanner
        size = file.size()
        if size == 0 and not self._created:
            self._check_beginning_locked(file)
        if size != scanner.end or not self._confirmed:
            if not self._confirmed and not is_still_there(self._storage, file, scanner):
                self._restart_locked()
            self._read_on_locked(file, file.size())
            if not self._settle_tail_locked(file):
                return False
            self._confirmed = True
        # Whoever fails to begin a log removes its file, without a seal.
        if not file.is_current(_PATH_CHECK_INTERVAL if scanner.end else 0.0):
            return False
        self._refuse_unwritable_locked(file)
        return True

    def _settle_tail_locked(self, file: LogFile) -> bool:
        """Deal with a seal and a torn tail. False: the file is not the log any more."""
        seal = self._scanner.seal
        if seal is not None:
            if not file.is_current():
                return False
            self._refuse_unwritable_locked(file)
            if seal.reason == "deleted":
                finish_deletion(self._storage, self.paths, seal.session_file)
                return False
            unseal(self._storage, file, self._scanner, self.paths.archive)
            self._read_on_locked(file, file.size())
        if file.size() > self._scanner.end:
            self._refuse_unwritable_locked(file)
            if not file.is_current():
                return False
            cut = cut_torn_tail(self._storage, file, self._scanner, self.paths.archive)
            logger.warning(
                "session %r: %s: cut off %d bytes at offset %d that a dead writer left unfinished",
                self.paths.session_id,
                self.paths.log,
                cut,
                self._scanner.end,
            )
        return True

    def _refuse_unwritable_locked(self, file: LogFile) -> None:
        if self._scanner.newer_format is not None:
            raise self._newer_format_error()
        error = file.write_error
        if error is not None:
            raise AppendError(
                error.errno, f"{self.paths.log}: cannot be written: {error.strerror}"
            ) from error

    def _write_locked(self, file: LogFile, events: Sequence[Event], seed: Seed | None) -> Head:
        """Write `events` as one piece at the end and fold them. Returns the new head."""
        scanner = self._scanner
        try:
            header, lines, stamped = self._encode_locked(events, seed)
        except BaseException:
            if scanner.end == 0:  # a log that cannot begin must not be left behind
                self._cut_back_locked(file, 0)
            raise
        data = lines[0] if len(lines) == 1 else b"".join(lines)
        if len(stamped) > len(events):
            self._file = begin_whole(self._storage, file, self.paths.scratch, data)
        else:
            self._put_locked(file, data, scanner.end)
        if header is not None:
            scanner.header = header
            self._forget_projection_locked()
        last = stamped[-1]
        scanner.advance(last.seq, last.hash, len(stamped), scanner.end + len(data))
        for event in stamped:
            self._projection.fold(event)
        self._created = False
        self._followed = Head(self._log_id(), last.seq, last.hash)
        return self._followed

    def _encode_locked(
        self, events: Sequence[Event], seed: Seed | None
    ) -> tuple[Open | None, list[bytes], list[Event]]:
        """The lines to write and their events; a header and the seed if the log is new."""
        scanner = self._scanner
        header, lines = None, []
        if scanner.header is None and not scanner.count:
            header = self._new_header()
            lines.append(control_line(header))
            if seed is not None:
                events = [*seed(), *events]
        ts, seq, digest = self._clock.now(), scanner.seq, scanner.hash
        stamped = []
        for event in events:
            seq += 1
            line, done = stamp(event, seq, ts, self._writer, digest)
            digest = done.hash
            lines.append(line)
            stamped.append(done)
        return header, lines, stamped

    def _newer_format_error(self) -> UnsupportedFormatError:
        return UnsupportedFormatError(
            f"{self.paths.log}: is of format {self._scanner.newer_format}, this version knows "
            f"format {FORMAT}. Upgrade runtime-journal to a version that knows it"
        )

    def _put_locked(self, file: LogFile, data: bytes, start: int) -> None:
        """One write; if it is refused or cut short, the file is as before. Or raise."""
        try:
            written = self._storage.write(file.fd, data)
        except OSError as error:
            self._cut_back_locked(file, start)
            raise AppendError(
                error.errno,
                f"session {self.paths.session_id!r}: {self.paths.log}: write at offset {start} "
                f"failed ({error.strerror}). Nothing was appended; try again once that is mended",
            ) from error
        except BaseException:
            self._cut_back_locked(file, start)
            raise
        if written != len(data):
            self._cut_back_locked(file, start)
            raise AppendError(
                28,  # ENOSPC: what a short write to a file means
                f"session {self.paths.session_id!r}: {self.paths.log}: only {written} of "
                f"{len(data)} bytes could be written at offset {start}; the disk is probably "
                "full. Nothing was appended; free space and try again",
            )

    def _cut_back_locked(self, file: LogFile, start: int) -> None:
        try:
            if file.size() > start:
                self._storage.truncate(file.fd, start)
            if start == 0 and file.is_current():
                self._storage.unlink(file.path)
        except OSError:
            pass  # the next writer finds a torn tail, or an empty file, and mends it

    def _new_header(self) -> Open:
        return Open(
            format=FORMAT,
            session_id=self.paths.session_id,
            log_id=secrets.token_hex(8),
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
            self._let_go_locked()

    def _let_go_locked(self) -> None:
        """Drop the file but remember how far the projection is."""
        file, self._file = self._file, None
        self._scanner = Scanner()
        if file is not None:
            file.close()

    def _forget_locked(self) -> None:
        """Drop everything: the next call starts from the file on disk."""
        self._let_go_locked()
        self._forget_projection_locked()

    def _forget_projection_locked(self) -> None:
        self._followed = None
        self._projection.reset()

    def after_fork(self) -> None:
        self.lock = threading.RLock()
        self._start_afresh()
        self._projection.reset()
