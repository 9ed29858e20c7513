"""Reading on in a session's log, without its lock and without ever waiting.

A log is a chain of files: compaction seals one and puts another in its place, deletion
seals the last. A follower reads the file it has open to its end before it looks where
the path leads now, so nothing falls between two files. What it missed in files that it
never opened is in the archives, unless it was dropped.

A reader without the lock may see the first lines of a batch whose write then fails and
is cut back, and other events in their place later. So the newest line that was read has
to be where it was, and the hashes of the last events tell which were yielded already.
"""

from collections import deque
from collections.abc import Callable, Iterator

from journal.backend import Past
from journal.codec import decode_line
from journal.errors import ReadError, StorageError
from journal.events import Cursor, Event, Open, Sealed
from journal.handle import LogFile
from journal.locking import tell_after_fork
from journal.names import Paths
from journal.recovery import is_still_there
from journal.refusal import check_beginning, check_session
from journal.scan import Scanner
from journal.storage import CHUNK, FileId, Storage, chunks

_REMEMBERED = 1000  # events whose hashes are known: more than any batch that may be cut back


class FileFollower:
    """A `journal.backend.Follower` of a log file."""

    def __init__(
        self,
        storage: Storage,
        paths: Paths,
        after: Cursor | None,
        history: Callable[[str, int], Past | None],
    ) -> None:
        self.lost = 0
        self._storage = storage
        self._paths = paths
        self._history = history
        self._log_id = after.log_id if after is not None else None
        self._seq = after.seq if after is not None else 0
        self._hashes: deque[str] = deque(maxlen=_REMEMBERED)  # the last is that of `_seq`
        self._file: LogFile | None = None
        self._leave_file()
        tell_after_fork(self)

    @property
    def cursor(self) -> Cursor | None:
        return Cursor(self._log_id, self._seq) if self._log_id is not None else None

    # The file

    def _leave_file(self) -> None:
        """The next file that is opened is read from its beginning."""
        self.close()
        self._scanner = Scanner()
        self._file_id: FileId | None = None
        self._joined = False  # whether we know where in this file our place is
        self._looked_at = -1  # its size when it was last read to its end

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def after_fork(self) -> None:
        self._file = None  # which closes itself

    def _open_file(self) -> LogFile | None:
        if self._file is None:
            try:
                self._file = LogFile(self._storage, self._paths.log, create=False)
            except FileNotFoundError:
                self._leave_file()
                return None
            if self._file.id != self._file_id:
                self._read_anew(self._file)
        return self._file

    def _read_anew(self, file: LogFile) -> None:
        self._scanner = Scanner()
        self._file_id = file.id
        self._joined = False
        self._looked_at = -1

    # Reading

    def read(self) -> Iterator[Event]:
        try:
            while (file := self._open_file()) is not None:
                replaced = not file.is_current()  # asked first: what it holds now is all then
                yield from self._rest_of(file)
                if not replaced:
                    return
                self._leave_file()
        except OSError as error:
            self._leave_file()
            if isinstance(error, StorageError):
                raise
            raise ReadError(
                error.errno, f"{self._paths.log}: cannot be read: {error.strerror}"
            ) from error

    def _rest_of(self, file: LogFile) -> Iterator[Event]:
        size = file.size()
        if size == self._looked_at:
            return
        if not (self._joined and is_still_there(self._storage, file, self._scanner)):
            self._read_anew(file)
        scanner = self._scanner
        scanner.rewind()
        for data in chunks(self._storage, file.fd, scanner.end, size):
            for event in scanner.feed(data):
                if not self._joined:
                    yield from self._join()
                if event.seq > self._base and not self._was_yielded(event):
                    yield self._step(event)
        check_beginning(self._storage, file, self._paths, scanner)
        if not self._joined and scanner.header is not None:
            yield from self._join()
        self._looked_at = size

    @property
    def _base(self) -> int:
        header = self._scanner.header
        return header.base_seq if header is not None else 0

    def _join(self) -> Iterator[Event]:
        """Find our place in a file whose header has just been read.

        Yields what came between our place and the file's base.
        """
        header = self._scanner.header
        check_session(self._paths, header)
        self._settle_log_id(header)
        if self._base > self._seq:
            past = self._history(self._paths.session_id, self._seq)
            if past is not None and past.log_id == self._log_id:
                for entry in past.in_order():
                    if entry.event.seq > self._base:
                        break
                    if entry.event.seq > self._seq:
                        yield self._step(entry.event)
        self._joined = True  # not before: whoever stops reading in the middle joins again

    def _settle_log_id(self, header: Open | None) -> None:
        log_id = self._scanner.log_id
        if self._log_id not in (None, log_id) and header is not None:
            self._seq = 0  # another log: all of it is new
            self._hashes.clear()
        if header is not None or self._log_id is None:
            self._log_id = log_id  # without a header, we take it for the one we know

    def _was_yielded(self, event: Event) -> bool:
        behind = self._seq - event.seq
        if behind < 0:
            return False
        if behind < len(self._hashes) and self._hashes[-1 - behind] != event.hash:
            self._seq = event.seq - 1  # what was yielded there has been cut back since
            self._hashes.clear()
            return False
        return True

    def _step(self, event: Event) -> Event:
        self.lost = event.seq - self._seq - 1
        if self.lost:
            self._hashes.clear()
        self._seq = event.seq
        self._hashes.append(event.hash)
        return event

    # Skipping

    def to_end(self) -> None:
        try:
            file = self._open_file()
            if file is not None:
                check_session(self._paths, self._jump(file).header)
        except OSError as error:
            self._leave_file()
            if isinstance(error, StorageError):
                raise
            raise ReadError(
                error.errno, f"{self._paths.log}: cannot be read: {error.strerror}"
            ) from error

    def _jump(self, file: LogFile) -> Scanner:
        size = file.size()
        scanner = self._scan_ends(file, size) or self._scan_all(file, size)
        if scanner.head is not None:
            self._scanner, self._joined, self._looked_at = scanner, True, -1
            self._log_id, self._seq = scanner.log_id, scanner.seq
            self._hashes.clear()
            self._hashes.append(scanner.hash)
        return scanner

    def _scan_ends(self, file: LogFile, size: int) -> Scanner | None:
        """At the end of the file by its first and last lines, if these allow it."""
        scanner = Scanner()
        for _ in scanner.feed(self._storage.read(file.fd, min(size, CHUNK), 0)):
            break
        place = max(0, size - CHUNK)
        *lines, unfinished = self._storage.read(file.fd, size - place, place).split(b"\n")
        last = decode_line(lines[-1]) if lines else None
        if scanner.header is None or last is None or isinstance(last, Open | Sealed):
            return None
        if last.seq <= scanner.header.base_seq:
            return None
        scanner.skip_to(last, size - len(unfinished))
        return scanner

    def _scan_all(self, file: LogFile, size: int) -> Scanner:
        scanner = Scanner()
        for data in chunks(self._storage, file.fd, 0, size):
            for _ in scanner.feed(data):
                pass
        return scanner
