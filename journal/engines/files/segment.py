"""One log file that is open: its paths, its descriptor, and how far its bytes have been judged.

A log is a chain of such segments: compaction seals one and puts another in its place. The
scanner may outlive the descriptor, since a file that was closed while idle is opened again.

Writers may be ahead of readers: `tip` is where the file ends as far as it is known. It is the
scanner itself unless others have appended what was not read yet, see `skimming`.
"""

from collections.abc import Callable, Iterator

from msgspec import Struct

from journal.codec import HASH_DIGITS
from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import CHUNK, chunks
from journal.events import Event, Head, Open
from journal.names import Paths, is_archived_log
from journal.scan import Scanner

SLICE = 1 << 15
"""Bytes judged between two pauses: some tenths of a millisecond."""

_AT_ONCE = 1 << 18  # bytes read for that: whenever a thread reads, others are let in before it

_TAIL = 64  # bytes: enough of a line's end to hold its hash
_MOST_BYTES = 1 << 12  # of a line's end and the blank lines after it

LINE_END = b'"}\n'
"""What comes after the hash in a line that we have written."""

LAST_BYTES = HASH_DIGITS + len(LINE_END)
"""How long both are together."""


class Tip(Struct):
    """Where a log ends, for a writer that has not read all of it.

    It has what an append needs to know, under the names that a `Scanner` has for it.

    `end` is where the last line ends and `line_hash` its hash; `seq` and `hash` are those of the
    newest event, which the last line is unless nothing came after what compaction has kept.
    """

    header: Open
    end: int
    seq: int
    hash: str
    line_hash: str

    @property
    def head(self) -> Head:
        return Head(self.header.log_id, self.seq, self.hash)

    @property
    def is_empty(self) -> bool:
        return False

    @property
    def is_unended(self) -> bool:
        return False  # a log whose last line lacks its newline is read

    @property
    def padding(self) -> int:
        return 0  # and so is one that ends in blank lines

    def advance(self, seq: int, digest: str, _events: int, end: int) -> None:
        """As `Scanner.advance`, which also counts events."""
        self.seq = seq
        self.hash = self.line_hash = digest
        self.end = end


class Segment:
    """Not safe for threads; its owner locks. Each call raises the OSError of reading the file."""

    __slots__ = ("_archives", "file", "paths", "scanner", "storage", "tip")

    def __init__(self, paths: Paths, file: LogFile, scanner: Scanner | None = None) -> None:
        self.paths = paths
        self.file = file
        self.storage = file.storage
        self.scanner = scanner or Scanner()
        self.tip: Scanner | Tip = self.scanner
        self._archives: bool | None = None

    @property
    def is_read(self) -> bool:
        """Whether everything before the tip was read."""
        return self.tip is self.scanner

    def forget(self) -> None:
        """Judge the file from its beginning again."""
        self.tip = self.scanner = Scanner()
        self._archives = None

    def read_on(self, size: int | None = None) -> Iterator[Event]:
        """Judge the bytes that come next, up to `size`, and yield the intact events in them.

        What was undecided at the end is read again. O(bytes), in pieces of bounded size.
        """
        self.scanner.rewind()
        stop = self.file.size() if size is None else size
        return self.scanner.read(self.pieces(self.scanner.end, stop))

    def pieces(self, start: int, stop: int, most: int | None = None) -> Iterator[bytes]:
        """The bytes of the file from `start` to `stop`, in pieces of at most `most`."""
        return chunks(self.storage, self.file.fd, start, stop, most=most)

    def slices(self, stop: int, check: Callable[[], object]) -> Iterator[bytes]:
        """The bytes up to `stop`, for the scanner to judge; `check` is called before each piece.

        The pieces are small, but of a long line longer: it is looked at again with each.
        """
        start = self.scanner.end
        while start < stop:
            length = min(max(_AT_ONCE, start - self.scanner.end), CHUNK, stop - start)
            data = self.storage.read(self.file.fd, length, start)
            if not data:
                return
            begin = 0
            while begin < len(data):
                check()
                undecided = start + begin - self.scanner.end
                piece = data[begin : begin + max(SLICE, undecided)]
                begin += len(piece)
                yield piece
            start += len(data)

    def look_for_archives(self) -> None:
        """List the archive now, for the next `has_archives`, which may come under the lock."""
        names = self.storage.names_of(self.paths.archive, self.paths.stem)
        self._archives = any(map(is_archived_log, names))

    def has_archives(self) -> bool:
        """Whether compactions have put logs of the session into the archive."""
        if self._archives is None:
            self.look_for_archives()
        found, self._archives = bool(self._archives), None
        return found

    def is_at_end(self) -> bool:
        """Whether the file ends at the tip, and with the line that was there.

        Nearly every append finds it so, with one read. False too for lines that do not end as
        we write them: the caller then reads on.
        """
        tip = self.tip
        last = tip.line_hash.encode() + LINE_END
        place = tip.end - LAST_BYTES
        return place > 0 and self.storage.read(self.file.fd, LAST_BYTES + 1, place) == last

    def is_at_tip(self) -> bool:
        """Like `is_at_end`, whatever others have appended since."""
        tip = self.tip
        last = tip.line_hash.encode() + LINE_END
        return self.storage.read(self.file.fd, len(last), max(0, tip.end - len(last))) == last

    def is_in_step(self) -> bool:
        """Whether what was read without the lock is in the file to stay.

        A reader may see lines of a batch whose write then fails and is cut back, and other
        lines in their place later. The newest hash at its place shows that everything
        before it is what was read. So it does where another program has written into the file.
        """
        tip = self.tip
        if tip.end == 0:
            return True
        place = max(0, tip.end - tip.padding - _TAIL)
        found = self.storage.read(self.file.fd, min(tip.end - place, _MOST_BYTES), place)
        last = tip.line_hash.encode()
        if found.endswith(last + LINE_END):  # just there, to the byte
            return True
        text = found.rstrip()
        if len(text) < LAST_BYTES and place > 0:  # an editor has left much white space after it
            place = max(0, tip.end - tip.padding - _MOST_BYTES)
            found = self.storage.read(self.file.fd, min(tip.end - place, 2 * _MOST_BYTES), place)
            text = found.rstrip()
        is_whole = text.endswith(b"}") and text[:-1].rstrip().endswith(last + b'"')
        return is_whole and found.endswith(b"\n") is not tip.is_unended
