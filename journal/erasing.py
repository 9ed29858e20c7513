"""Which states of a log are to be erased, and the lines with these taken out. No I/O.

What is erased is a state as a whole: in its place stands `null`, and its digest, so that the hash
of the line still holds (`journal.codec.erase_state`). What stands elsewhere in an intact line
cannot be taken out, for the hash covers it: it is noted. What is not intact is blanked.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from msgspec.structs import replace

from journal.codec import NEWEST, WITH_ERASED, control_line, decode_line, erase_state, format_of
from journal.errors import UnsupportedFormatError
from journal.events import Handoff, Open, Record, Sealed, Set, Takeover, Unknown
from journal.glued import split_glued
from journal.reports import Unerased
from journal.state import MAX_LINE

_BOM = b"\xef\xbb\xbf"
_BLANK = b"*"
_AT_ONCE = 1 << 16  # bytes of lines that are given on together


class Choice(Protocol):
    """What is to be erased."""

    def takes(self, event: Set) -> bool:
        """Whether the state of this event is to be taken out."""
        ...

    def finds(self, text: str, /) -> bool:
        """Whether what is to be erased stands in a text that is no state."""
        ...


class LineEraser:
    """Takes the states that are chosen out of lines. For one session, and for one thread.

    `seqs` are the events whose states it took out, `blanked` is how many stretches of bytes that
    are no intact line it has blanked.
    """

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self._kept: dict[str, set[int]] = {}  # what is left where, by the events that have it
        self.seqs: set[int] = set()
        self.blanked = 0

    @property
    def kept(self) -> list[Unerased]:
        """What was found but cannot be taken out."""
        return [
            Unerased(what=what, seqs=sorted(seqs - {0}))
            for what, seqs in sorted(self._kept.items())
        ]

    def line(self, line: bytes) -> bytes:
        """A line without its newline, with what was chosen taken out. O(len(line)), 15 µs.

        It may also be any other bytes. Blanked bytes are as many as before.
        """
        record = decode_line(line)
        if record is not None:
            return self._intact(line, record)
        if line.startswith(_BOM):
            return _BOM + self.line(line[len(_BOM) :])
        if not line or line.isspace():
            return line
        return b"".join(
            self._part(part, line[start:stop]) for part, start, stop in split_glued(line, 0)
        )

    def _part(self, part: bytes | None, data: bytes) -> bytes:
        record = decode_line(part) if part is not None else None
        if part is not None and record is not None:
            return self._intact(part, record)
        if not self.choice.finds(data.decode(errors="replace")):
            return data
        self.blanked += 1
        return _BLANK * len(data)

    def _intact(self, line: bytes, record: Record) -> bytes:
        for what, text in _names_in(record):
            if self.choice.finds(text):
                self._kept.setdefault(what, set()).add(getattr(record, "seq", 0))
        match record:
            case Set(erased=None) if self.choice.takes(record):
                self.seqs.add(record.seq)
                return erase_state(line)
            case Unknown():
                return self._unknown(line, record)
            case _:
                return line

    def _unknown(self, line: bytes, event: Unknown) -> bytes:
        """Of an op that we do not know: its state, if it has one that can be taken out."""
        if not self.choice.finds(line.decode()):
            return line
        erased = erase_state(line)
        if erased != line:
            self.seqs.add(event.seq)
        if self.choice.finds(erased.decode()):
            self._kept.setdefault("event of an op unknown here", set()).add(event.seq)
        return erased

    # Many lines

    def changes(self, pieces: Iterable[bytes], where: str) -> bool:
        """Whether any line of a file would be another. Reads all of it."""
        changed = False
        for line, _ in _lines(pieces, where):
            changed |= self.line(line) != line
        return changed

    def erased(self, pieces: Iterable[bytes], where: str) -> Iterator[bytes]:
        """The file, with its header's format raised: to be asked where something changes."""
        buffer = bytearray()
        begins = True
        for line, end in _lines(pieces, where):
            buffer += _raised(line) if begins else self.line(line)
            buffer += end
            begins = False
            if len(buffer) >= _AT_ONCE:
                yield bytes(buffer)
                buffer.clear()
        yield bytes(buffer)

    def lines(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Lines from somewhere in a file, each with its newline."""
        for line, end in _lines(pieces, ""):
            yield self.line(line) + end


def _raised(line: bytes) -> bytes:
    """The header of a file in which states are erased now. What is no header stays."""
    header = decode_line(line.removeprefix(_BOM))
    if not isinstance(header, Open):
        return line
    number = max(header.format, WITH_ERASED)
    return control_line(replace(header, format=number, erasures=header.erasures + 1))[:-1]


def _lines(pieces: Iterable[bytes], where: str) -> Iterator[tuple[bytes, bytes]]:
    """Lines and their newlines, which the last may lack. One that is too long comes in parts.

    Raises `UnsupportedFormatError` for a file of a format that is not known.
    """
    rest, begins = b"", True
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if begins:
                _check_format(line, where)
                begins = False
            yield line, b"\n"
        if len(rest) > MAX_LINE:
            yield rest, b""
            rest = b""
    if rest:
        yield rest, b""


def _check_format(line: bytes, where: str) -> None:
    number = format_of(line.removeprefix(_BOM))
    if where and number is not None and number > NEWEST:
        raise UnsupportedFormatError(
            f"{where}: is of format {number}, this version knows formats up to {NEWEST}. Nothing "
            "was erased in it; upgrade runtime-journal to a version that knows it"
        )


def _names_in(record: Record) -> Iterator[tuple[str, str]]:
    """What stands in an intact line besides its state, and may be somebody's words."""
    yield "writer", record.writer
    match record:
        case Open():
            yield "session_id", record.session_id
        case Sealed():
            if record.session_file is not None:
                yield "session file's name", record.session_file
        case Handoff():
            yield from (("source", record.source), ("target", record.target))
            if record.reason is not None:
                yield "reason", record.reason
            if record.turn_id is not None:
                yield "turn_id", record.turn_id
        case Set():
            yield from (("runtime_id", record.runtime_id), ("turn_id", record.turn_id))
        case Takeover():
            yield "runtime_id", record.runtime_id
        case _:
            if record.runtime_id is not None:
                yield "runtime_id", record.runtime_id
