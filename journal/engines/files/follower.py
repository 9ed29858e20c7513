"""Reading on in a session's log, without its lock and without ever waiting.

A log is a chain of files: compaction seals one and puts another in its place, deletion
seals the last. A follower reads the file it has open to its end before it looks where
the path leads now, so nothing falls between two files. What it missed in files that it
never opened is in the archives, unless it was dropped.

A reader without the lock may see the first lines of a batch whose write then fails and
is cut back, and other events in their place later. So the newest line that was read has
to be where it was, damage is only believed when it is found twice, and the `Position`
knows by their hashes which events were yielded already.
"""

from collections.abc import Callable, Generator, Iterator
from typing import NoReturn

from journal.engines.files.ends import ends_deleted, last_record
from journal.engines.files.logfile import LogFile
from journal.engines.files.seeking import ReadPoint, find_end, find_event
from journal.engines.files.segment import Segment
from journal.engines.files.storage import FIRST, FileId, Storage, chunks
from journal.engines.files.validation import check_beginning, check_session
from journal.errors import CursorError, HistoryError, JournalError, ReadError, StorageError
from journal.events import Cursor, Event, Open, Sealed
from journal.forking import tell_after_fork
from journal.names import Paths
from journal.past import Past
from journal.position import Position, StaleError, cursor_of_origin, refusal
from journal.scan import Scanner

_BIG_TAIL = 1 << 20  # bytes of a torn tail that are not worth reading at every look


class FileFollower:
    """A `journal.backend.Follower` of a log file."""

    def __init__(
        self,
        storage: Storage,
        paths: Paths,
        after: Cursor | None,
        history: Callable[[str, int], Past | None],
    ) -> None:
        self._storage = storage
        self._paths = paths
        self._history = history
        self._position = Position(after)
        self._refused: CursorError | None = None  # of the file, as far as its scanner has read it
        self._file: LogFile | None = None
        self._leave_file()
        tell_after_fork(self)

    @property
    def cursor(self) -> Cursor | None:
        return self._position.cursor

    @property
    def lost(self) -> int:
        return self._position.lost

    # The file

    def _leave_file(self) -> None:
        """The next file that is opened is read from its beginning."""
        self.close()
        self._scanner = Scanner()
        self._file_id: FileId | None = None
        self._joined = False  # whether we know where in this file our place is
        self._big_tail = -1  # the file's size when we last read a long torn tail

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
        self._big_tail = -1
        self._position.begin_file()

    def _as_segment(self, file: LogFile) -> Segment:
        return Segment(self._paths, file, self._scanner)

    def _fail(self, error: StaleError | OSError) -> NoReturn:
        """What every reading raises, said so that the reader can act on it."""
        if isinstance(error, StaleError):
            refused = self._refusal(error)
            if self._joined:
                self._refused = refused
            else:
                self._leave_file()  # it was an archive that showed it, and may be mended alone
            raise refused from None
        self._leave_file()
        if isinstance(error, StorageError):
            raise error
        raise ReadError(
            error.errno, f"{self._paths.log}: cannot be read: {error.strerror}"
        ) from error

    def _refusal(self, stale: StaleError) -> CursorError:
        position, paths = self._position, self._paths
        where = f"session {paths.session_id!r}: {paths.log}"
        try:
            past = None
            if position.remembered < position.seq:
                past = self._history(paths.session_id, position.remembered)
            return refusal(where, position, stale, past)
        except JournalError:  # nothing can be said of what is still there
            return refusal(where, position, stale, None)

    # Reading

    def read(self) -> Iterator[Event]:
        try:
            if self._refused is not None:
                self._check_refused(self._refused)
            while (file := self._open_file()) is not None:
                replaced = not file.is_current()  # asked first: what it holds now is all then
                size = file.size()
                if self._may_have_news(file, size):
                    yield from self._read_to(file, size)
                if self._file is not file:
                    continue  # closed by whoever takes the events, or left behind by a fork
                if not replaced:
                    return
                self._leave_file()
        except (StaleError, OSError) as error:
            self._fail(error)

    def _check_refused(self, refused: CursorError) -> None:
        file = self._open_file()
        if file is not None and self._is_still_refused(file):
            raise CursorError(*refused.args)
        self._refused = None
        self._leave_file()

    def _is_still_refused(self, file: LogFile) -> bool:
        """What was refused stays so while the log only grows: it need not be read again.

        Unless it ended before our place, for a copy may have been half written over it, and
        does so no more.
        """
        if not (file.is_current() and self._has_scanned(file)):
            return False
        place = self._position.seq
        if self._scanner.seq >= place or file.size() == self._scanner.end:
            return True
        last = last_record(self._storage, file.fd)
        return last is not None and not isinstance(last, Open | Sealed) and last.seq < place

    def _has_scanned(self, file: LogFile) -> bool:
        return self._scanner.end > 0 and self._as_segment(file).is_in_step()

    def _may_have_news(self, file: LogFile, size: int) -> bool:
        if self._joined and self._as_segment(file).is_in_step():
            return size not in (self._scanner.end, self._big_tail)
        self._read_anew(file)
        self._seek(file, size)
        return True

    def _seek(self, file: LogFile, size: int) -> None:
        """Go to our place at once, if all that we know of it is a cursor."""
        position = self._position
        if position.is_cursor:
            point = find_event(self._storage, file, size, position.seq)
            if point is not None and position.is_at(point.scanner.log_id, point.hashes[-1]):
                self._jump(point)

    def _read_to(self, file: LogFile, size: int) -> Iterator[Event]:
        """Yield what comes next in the file, and believe in damage when it is found twice.

        Either the file is damaged there, or what came before it was cut back and replaced
        since we read it. A full read tells which.
        """
        if not (yield from self._read_on(file, size, believing=False)):
            self._read_anew(file)
            if self._file is file:
                yield from self._read_on(file, size, believing=True)

    def _read_on(
        self, file: LogFile, size: int, *, believing: bool
    ) -> Generator[Event, None, bool]:
        """False when something is wrong, unless we believe it."""
        scanner, position = self._scanner, self._position
        scanner.rewind()
        known = scanner.damage_count
        base = self._base
        for event in scanner.read(chunks(self._storage, file.fd, scanner.end, size, FIRST)):
            if scanner.damage_count > known and not believing:
                return False
            if not self._joined:
                if not (yield from self._join(file)):
                    return True
                base = self._base
            if event.seq > base and position.take(event):
                yield event
            if self._file is not file:
                return True
        check_beginning(self._as_segment(file))
        if not self._joined and scanner.header is not None:
            yield from self._join(file)
        if self._joined and not scanner.is_empty:
            position.check_end(scanner.seq, scanner.hash)
        self._big_tail = size if size - scanner.end > _BIG_TAIL else -1
        return believing or scanner.damage_count == known

    @property
    def _base(self) -> int:
        header = self._scanner.header
        return header.base_seq if header is not None else 0

    def _join(self, file: LogFile) -> Generator[Event, None, bool]:
        """Find our place in a file whose header has just been read. Says whether it is there.

        Yields what came between our place and the file's base. Joins no log that is deleted,
        unless it has read from it.
        """
        header = self._scanner.header
        check_session(self._paths, header)
        if self._position.log_id != self._scanner.log_id and ends_deleted(self._storage, file.fd):
            return False
        self._settle_log_id(header)
        if header is not None and not self._reaches(header):
            try:
                yield from self._missed(header)
            except HistoryError:  # dropped while it was read: what is left is read now
                yield from self._missed(header)
        self._joined = True  # not before: whoever stops reading in the middle joins again
        return True

    def _missed(self, header: Open) -> Iterator[Event]:
        """The events up to the file's base that we have not read, as far as they are left."""
        position = self._position
        past = self._history(self._paths.session_id, position.settled)
        if past is None or past.log_id != header.log_id:
            return
        for entry in past.in_order():
            if entry.event.seq > header.base_seq:
                return
            if position.take(entry.event):
                yield entry.event

    def _reaches(self, header: Open) -> bool:
        """Whether all that this file does not have was yielded."""
        known = self._position.hash_of(header.base_seq)
        return header.base_seq <= self._position.seq and (
            known is None or header.base_hash.startswith(known)
        )

    def _settle_log_id(self, header: Open | None) -> None:
        position = self._position
        if position.log_id is None:
            position.log_id = self._scanner.log_id  # zeros without a header
        elif header is not None and position.log_id != header.log_id:
            if header.origin is not None and position.log_id == header.origin.log_id:
                raise cursor_of_origin(position, header)
            position.begin_log(header.log_id)

    # Skipping

    def to_end(self) -> None:
        try:
            while (file := self._open_file()) is not None and not file.is_current():
                self._leave_file()
            if file is not None:
                self._refused = None
                self._jump(find_end(self._storage, file, file.size()))
        except (StaleError, OSError) as error:
            self._fail(error)

    def _jump(self, point: ReadPoint) -> None:
        check_session(self._paths, point.scanner.header)
        if point.scanner.head is not None:
            self._scanner, self._joined = point.scanner, True
            self._settle_log_id(point.scanner.header)
            self._position.jump(point.scanner.seq, point.settled, point.hashes, point.ts)
