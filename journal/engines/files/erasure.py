"""Erasing states from all files of a session, while others write.

First everything is searched without a lock: most sessions hold nothing. Where something is
found, the scratch file is taken, so that nobody compacts or restores meanwhile. Then file by
file, each of which is as before or after at any moment: the archives, and what repairs have set
aside; then the log, as a compaction replaces it, but the old file stays nowhere. What writers
append meanwhile is looked at on its way into the new log, under the lock.

Killed anywhere, some files have it still and some do not; all are whole, since an erasure changes
no hash of an event. The next one does the rest.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from journal.codec import default_writer
from journal.engines.files.ends import ends_deleted, header_of
from journal.engines.files.erasing_archives import ArchiveErasure
from journal.engines.files.logfile import LogFile
from journal.engines.files.recovery import cut_torn_tail
from journal.engines.files.replacing import Replacement, changed_error
from journal.engines.files.scratch import discard, open_scratch
from journal.engines.files.segment import Segment
from journal.engines.files.snapshot import remove_snapshot
from journal.engines.files.storage import Storage, chunks, write_all
from journal.engines.files.validation import check_session, newer_format_error
from journal.erasing import Choice, LineEraser
from journal.errors import (
    CompactionAbandonedError,
    CompactionError,
    JournalError,
    StorageError,
)
from journal.names import Paths, unfinished
from journal.reports import ErasureReport, Unerased
from journal.scan import Scanner
from journal.waiting import attempts

_LONG = 1 << 18  # bytes of a log that are not synced while writers wait


class _BusyError(Exception):
    """The scratch file is taken."""


class Erasure:
    """One erasure of one session; `plan` or `run` once."""

    def __init__(
        self,
        storage: Storage,
        paths: Paths,
        choice: Choice,
        lock_timeout: float,
        writer: str | None,
        *,
        forget_digest: bool = False,
    ) -> None:
        self._storage = storage
        self._paths = paths
        self._lock_timeout = lock_timeout
        self._writer = writer or default_writer()
        self._eraser = LineEraser(choice, forget=forget_digest)
        self._archives = ArchiveErasure(storage, paths, self._eraser)
        self._files: dict[str, None] = {}  # in which something was found, log first
        self._is_there = False
        self._is_deleted = False  # its deletion was begun, and died

    def plan(self) -> ErasureReport | None:
        """What `run` would do; None if there is no such session. Changes nothing, takes no lock.

        Raises `UnsupportedFormatError`, `WrongSessionError` and `ReadError`.
        """
        with self._reporting():
            self._search()
            return self._report() if self._is_there else None

    def run(self) -> ErasureReport | None:
        """Erase. None if there is no such session.

        Raises as `plan`, `LockTimeoutError`, and `StorageError` when the operating system
        refuses: then some files may have been rewritten, and running it again does the rest.
        """
        with self._reporting():
            self._search()
            if not self._is_there:
                return None
            if self._files and not self._is_deleted:
                self._erase()
            return self._report()

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if isinstance(error, JournalError):
                raise
            raise StorageError(
                error.errno,
                f"session {self._paths.session_id!r}: could not be erased in all files "
                f"({error.strerror}). Every file is as it was or as it should be; run it again",
            ) from error

    def _report(self) -> ErasureReport:
        return ErasureReport(
            session_id=self._paths.session_id,
            states=len(self._eraser.seqs),
            blanked=self._eraser.blanked,
            files=list(self._files),
            kept=[*self._eraser.kept, *self._archives.kept, *self._doomed()],
        )

    def _doomed(self) -> Iterator[Unerased]:
        if self._is_deleted and self._files:
            yield Unerased(
                what="deleted session",
                reason="its deletion was begun and not finished; `journal delete` finishes it",
            )

    # Searching

    def _search(self) -> None:
        """Note the files in which something is found: the log first, for it may move."""
        paths = self._paths
        if self._holds(paths.log):
            self._files[paths.log] = None
        for path in (unfinished(paths.log), paths.snapshot, unfinished(paths.snapshot)):
            if self._holds_text(path):
                self._is_there = True  # be it only debris
                self._files[path] = None
        for path in self._archives.paths():
            self._is_there = True
            if self._archives.holds(path):
                self._files[path] = None

    def _holds(self, path: str) -> bool:
        try:
            file = LogFile(self._storage, path, create=False)
        except FileNotFoundError:
            return False
        self._is_there = True
        try:
            segment = Segment(self._paths, file)
            check_session(self._paths, header_of(segment.pieces(0, file.size())))
            self._is_deleted = ends_deleted(self._storage, file.fd)
            return self._eraser.changes(segment.pieces(0, file.size()), path)
        finally:
            file.close()

    def _holds_text(self, path: str) -> bool:
        """A file that can go as a whole."""
        try:
            file = LogFile(self._storage, path, create=False)
        except FileNotFoundError:
            return False
        try:
            search = LineEraser(self._eraser.choice)
            return search.changes(chunks(self._storage, file.fd, 0, file.size()), "")
        finally:
            file.close()

    # Erasing

    def _erase(self) -> None:
        """Wait for others who have the scratch file, and begin again when the log was changed."""
        for _ in attempts(self._lock_timeout, self._paths.log):
            try:
                scratch = open_scratch(self._storage, self._paths.scratch, self._wait)
            except _BusyError:
                continue
            try:
                self._erase_in_all(scratch)
                return
            except CompactionAbandonedError:
                continue
            finally:
                discard(self._storage, scratch)  # unless it has become the log
                scratch.close()
        raise AssertionError("this loop ends with an error")  # pragma: no cover, no mutate

    def _wait(self) -> None:
        raise _BusyError

    def _erase_in_all(self, scratch: LogFile) -> None:
        self._eraser.links.hashes.clear()
        try:
            old = LogFile(self._storage, self._paths.log, create=False, write=True)
        except FileNotFoundError:
            self._archives.run(None, self._lock_timeout)
            remove_snapshot(self._storage, self._paths)
            return
        try:
            if old.write_error is not None:
                raise old.write_error
            self._archives.run(old, self._lock_timeout)
            if self._erase_in_log(Segment(self._paths, old), scratch):
                self._files = {self._paths.log: None, **self._files}
            remove_snapshot(self._storage, self._paths)
            self._archives.run_evidence()  # a torn tail was set aside meanwhile
        finally:
            old.close()

    def _erase_in_log(self, old: Segment, new: LogFile) -> bool:
        """False if nothing was found in it."""
        storage, scanner = self._storage, old.scanner
        for _ in old.read_on():
            pass
        self._check(scanner)
        size = old.file.size()
        if not self._eraser.changes(old.pieces(0, size), self._paths.log):
            return False
        for piece in self._eraser.erased(old.pieces(0, scanner.end), self._paths.log):
            write_all(storage, new.fd, piece)
        if scanner.is_unended:
            write_all(storage, new.fd, b"\n")
        self._prove(new, scanner)
        replacement = Replacement(
            old, new, self._writer, lambda: None, self._eraser.lines, self._cut_tail
        )
        replacement.list_archive()
        if size > _LONG:  # else it is synced soon enough with the lock held
            replacement.catch_up()
        replacement.lock(self._lock_timeout)
        replacement.swap(None)
        return True

    def _cut_tail(self, old: Segment) -> None:
        """A torn tail that holds what is to be erased is not set aside. Nobody acknowledged it."""
        end, size = old.scanner.end, old.file.size()
        if size > end and self._eraser.changes(old.pieces(end, size), ""):
            self._storage.truncate(old.file.fd, end)
        cut_torn_tail(old)

    def _check(self, scanner: Scanner) -> None:
        """Refuse what is not ours, or on its way out."""
        if scanner.newer_format is not None:
            raise newer_format_error(self._paths, scanner)
        check_session(self._paths, scanner.header)
        if scanner.seal is not None and scanner.seal.reason == "deleted":
            raise changed_error(self._paths)

    def _prove(self, new: LogFile, old: Scanner) -> None:
        """Read the new file back: it must hold the same events, less the chosen.

        Raises `CompactionError`.
        """
        check = Segment(self._paths, new)
        for _ in check.read_on():
            pass
        head = self._eraser.links.hashes.get(old.seq, old.hash)
        same = _outcome(check.scanner, check.scanner.hash) == _outcome(old, head)
        search = LineEraser(self._eraser.choice)
        if not same or search.changes(check.pieces(0, new.size()), new.path):
            raise CompactionError(
                f"session {self._paths.session_id!r}: what was written to {new.path} is not the "
                "log without the erased states; the log is as it was. Check the disk"
            )


def _outcome(scanner: Scanner, digest: str) -> tuple[object, ...]:
    return scanner.log_id, scanner.seq, digest, scanner.count, scanner.damage_count
