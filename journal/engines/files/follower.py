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

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from journal.backend import Past
from journal.codec import decode_line
from journal.engines.files.ends import ends_deleted
from journal.engines.files.logfile import LogFile
from journal.engines.files.segment import Segment
from journal.engines.files.storage import CHUNK, FileId, Storage, chunks
from journal.engines.files.validation import check_beginning, check_session
from journal.errors import CursorError, JournalError, ReadError, StorageError
from journal.events import Cursor, Event, Open, Sealed
from journal.forking import tell_after_fork
from journal.names import Paths
from journal.position import Position, StaleError, refusal
from journal.scan import Scanner

_BIG_TAIL = 1 << 20  # bytes of a torn tail that are not worth reading at every look


class _LastAppend(NamedTuple):
    """The events appended last, as far as they are known, as `Position.jump` takes them."""

    settled: str
    hashes: deque[str]
    ts: str


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

    @contextmanager
    def _leaving_on_error(self) -> Iterator[None]:
        try:
            yield
        except StaleError as stale:
            error = self._refusal(stale)
            if self._joined:
                self._refused = error
            else:
                self._leave_file()  # it was an archive that showed it, and may be mended alone
            raise error from None
        except OSError as failure:
            self._leave_file()
            if isinstance(failure, StorageError):
                raise
            raise ReadError(
                failure.errno, f"{self._paths.log}: cannot be read: {failure.strerror}"
            ) from failure

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
        self._raise_again()
        with self._leaving_on_error():
            while (file := self._open_file()) is not None:
                replaced = not file.is_current()  # asked first: what it holds now is all then
                yield from self._rest_of(file)
                if self._file is not file:
                    continue  # closed by whoever takes the events, or left behind by a fork
                if not replaced:
                    return
                self._leave_file()

    def _raise_again(self) -> None:
        """What was refused stays so while the log only grows: it need not be read again."""
        if self._refused is None:
            return
        with self._leaving_on_error():
            file = self._open_file()
            if file is not None and file.is_current() and self._has_scanned(file):
                raise CursorError(*self._refused.args)
            self._refused = None
            self._leave_file()

    def _has_scanned(self, file: LogFile) -> bool:
        scanner = self._scanner
        return scanner.end > 0 and self._as_segment(file).is_in_step()

    def _rest_of(self, file: LogFile) -> Iterator[Event]:
        size = file.size()
        there = self._joined and self._as_segment(file).is_in_step()
        if there and size in (self._scanner.end, self._big_tail):
            return
        if not there:
            self._read_anew(file)
        if not (yield from self._read_to(file, size)):
            self._read_anew(file)
            if self._file is file:
                yield from self._read_to(file, size, again=True)

    def _read_to(
        self, file: LogFile, size: int, again: bool = False
    ) -> Generator[Event, None, bool]:
        """Yield what comes next in the file. False, unless `again`, when something is wrong.

        Either the file is damaged there, or what came before it was cut back and replaced
        since we read it. A full read tells which.
        """
        scanner = self._scanner
        scanner.rewind()
        known = scanner.damage_count
        for event in scanner.read(chunks(self._storage, file.fd, scanner.end, size)):
            if scanner.damage_count > known and not again:
                return False
            if not self._joined:
                yield from self._join(file)
                if not self._joined:
                    return True
            if event.seq > self._base and not self._position.has_read(event):
                yield self._step(event)
            if self._file is not file:
                return True
        check_beginning(self._as_segment(file))
        if not self._joined and scanner.header is not None:
            yield from self._join(file)
        if self._joined and not scanner.is_empty:
            self._position.check_end(scanner.seq, scanner.hash)
        self._big_tail = size if size - scanner.end > _BIG_TAIL else -1
        return again or scanner.damage_count == known

    @property
    def _base(self) -> int:
        header = self._scanner.header
        return header.base_seq if header is not None else 0

    def _join(self, file: LogFile) -> Iterator[Event]:
        """Find our place in a file whose header has just been read.

        Yields what came between our place and the file's base. Joins no log that is deleted,
        unless it has read from it.
        """
        header = self._scanner.header
        check_session(self._paths, header)
        if self._position.log_id != self._scanner.log_id and ends_deleted(self._storage, file.fd):
            return
        self._settle_log_id(header)
        if header is not None and not self._reaches(header):
            past = self._history(self._paths.session_id, self._position.settled)
            if past is not None and past.log_id == header.log_id:
                for entry in past.in_order():
                    if entry.event.seq > header.base_seq:
                        break
                    if not self._position.has_read(entry.event):
                        yield self._step(entry.event)
        self._joined = True  # not before: whoever stops reading in the middle joins again

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
            position.begin_log(header.log_id)

    def _step(self, event: Event) -> Event:
        self._position.step(event)
        return event

    # Skipping

    def to_end(self) -> None:
        with self._leaving_on_error():
            while (file := self._open_file()) is not None and not file.is_current():
                self._leave_file()
            if file is not None:
                self._refused = None
                self._jump(file)

    def _jump(self, file: LogFile) -> None:
        size = file.size()
        scanner, last = self._scan_ends(file, size) or self._scan_all(file, size)
        check_session(self._paths, scanner.header)
        if scanner.head is not None:
            self._scanner, self._joined = scanner, True
            self._settle_log_id(scanner.header)
            self._position.jump(scanner.seq, *last)

    def _scan_ends(self, file: LogFile, size: int) -> tuple[Scanner, _LastAppend] | None:
        """At the end of the file by its first and last lines, if these allow it."""
        scanner = Scanner()
        for _ in scanner.feed(self._storage.read(file.fd, min(size, CHUNK), 0)):
            break
        place = max(0, size - CHUNK)
        *lines, unfinished = self._storage.read(file.fd, size - place, place).split(b"\n")
        last = decode_line(lines[-1]) if lines else None
        if unfinished.rstrip().endswith(b"}"):
            return None  # perhaps a whole line that lacks its newline
        if scanner.header is None or last is None or isinstance(last, Open | Sealed):
            return None
        if last.seq <= scanner.header.base_seq:
            return None
        settled, hashes = last.prev, deque([last.hash])
        for line in reversed(lines[:-1]):
            event = decode_line(line)
            if event is None or isinstance(event, Open | Sealed):
                break
            if (event.seq, event.ts) != (last.seq - len(hashes), last.ts):
                break
            hashes.appendleft(event.hash)
            settled = event.prev
        scanner.skip_to(last, size - len(unfinished))
        return scanner, _LastAppend(settled, hashes, last.ts)

    def _scan_all(self, file: LogFile, size: int) -> tuple[Scanner, _LastAppend]:
        scanner = Scanner()
        settled, hashes = "", deque[str]()
        next_one = (0, "")  # what an event must have that was appended with the last
        for event in scanner.read(chunks(self._storage, file.fd, 0, size)):
            if (event.seq, event.ts) != next_one:
                hashes.clear()
                settled = event.prev
            hashes.append(event.hash)
            next_one = (event.seq + 1, event.ts)
        if scanner.hash not in hashes:  # it is that of the log's base
            return scanner, _LastAppend(scanner.hash, deque(), "")
        return scanner, _LastAppend(settled, hashes, next_one[1])
