"""Which states of a log are to be erased, and the lines with these taken out. No I/O.

What is erased is a state as a whole: in its place stands `null`, and its digest, so that the hash
of the line still holds (`journal.codec.erase_state`). What stands elsewhere in an intact line
cannot be taken out, for the hash covers it: it is noted. What is not intact is blanked.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Protocol

from msgspec.structs import replace

from journal.codec import (
    NEWEST,
    WITH_ERASED,
    control_line,
    decode_line,
    erase_state,
    format_of,
)
from journal.errors import DamagedError, EncryptionKeyError, UnsupportedFormatError
from journal.events import (
    Event,
    Handoff,
    Open,
    Record,
    Sealed,
    Set,
    Takeover,
    Unknown,
)
from journal.glued import split_glued
from journal.links import Links
from journal.reports import Unerased
from journal.state import MAX_LINE

_BOM = b"\xef\xbb\xbf"
_BLANK = b"*"
_ENCRYPTED = b'"encrypted_by":'
_NO_KEY = (
    "it is encrypted with the key {}, which was not given, so it was not searched; name the file "
    "that has the key, or erase the state by its turn or its seq"
)
_UNREADABLE = "it cannot be read, so it was not searched; erase it by its turn or its seq"
_DAMAGED_LINE = (
    "it holds an encrypted state that cannot be searched; `journal doctor` says whether it can be "
    "put back, then erase again"
)
_MOST_ERASURES = 1 << 62  # it must only be another number than before
_AT_ONCE = 1 << 16  # bytes of lines that are given on together


class Choice(Protocol):
    """What is to be erased."""

    def takes(self, event: Set) -> bool:
        """Whether the state of this event is to be taken out.

        Raises `EncryptionKeyError` and `DamagedError` where it has to be read and cannot be.
        """
        ...

    def finds(self, text: str, /) -> bool:
        """Whether what is to be erased stands in a text that is no state."""
        ...


class LineEraser:
    """Takes the states that are chosen out of lines. For one session, and for one thread.

    `seqs` are the events whose states it took out.
    """

    def __init__(self, choice: Choice, *, forget: bool = False) -> None:
        """With `forget`, the digests of all erased states go, and events are linked anew.

        Then the files of a session must come from the oldest to the newest.
        """
        self.choice = choice
        self.forget = forget
        self.links = Links()
        self._header: Open | None = None  # of the file
        self._kept: dict[str, set[int]] = {}  # what is left where, by the events that have it
        self._unread: dict[tuple[str, str], set[int]] = {}  # likewise what could not be searched
        self.seqs: set[int] = set()
        self._blanked: set[bytes] = set()  # digests of what was blanked

    @property
    def blanked(self) -> int:
        """How many stretches of bytes held it that are no intact line; each counts once."""
        return len(self._blanked)

    @property
    def kept(self) -> list[Unerased]:
        """What was found but cannot be taken out, and what could not be searched."""
        found = [
            Unerased(what=what, seqs=sorted(seqs - {0}))
            for what, seqs in sorted(self._kept.items())
        ]
        unread = [
            Unerased(what=what, seqs=sorted(seqs), reason=reason)
            for (what, reason), seqs in sorted(self._unread.items())
        ]
        return found + unread

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
            if _ENCRYPTED in data:
                self._unread.setdefault(("damaged line", _DAMAGED_LINE), set())
            return data
        self._blanked.add(sha256(data).digest())
        return _BLANK * len(data)

    def _intact(self, line: bytes, record: Record) -> bytes:
        for what, text in _names_in(record):
            if self.choice.finds(text):
                self._kept.setdefault(what, set()).add(getattr(record, "seq", 0))
        match record:
            case Set(erased=None) if self._takes(record):
                self.seqs.add(record.seq)
                return self._linked(erase_state(line), record)
            case Unknown():
                return self._linked(self._unknown(line, record), record)
            case Open():
                return line
            case Sealed():
                return self.links.seal(line, record)
            case _:
                return self._linked(line, record)

    def _takes(self, event: Set) -> bool:
        try:
            return self.choice.takes(event)
        except EncryptionKeyError as error:
            reason = _NO_KEY.format(error.key_id)
        except DamagedError:
            reason = _UNREADABLE
        self._unread.setdefault(("state", reason), set()).add(event.seq)
        return False

    def _linked(self, erased: bytes, event: Event) -> bytes:
        """The line of an event, after whatever the event before it has become."""
        return self.links.line(erased, event) if self.forget else erased

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
        changed, begins = False, True
        for line, _ in _lines(pieces, where):
            if begins:
                changed |= self._begin(line)
                begins = False
            changed |= self.line(line) != line
        return self.links.link_kept() or changed

    def _begin(self, line: bytes) -> bool:
        """The first line of a file comes next. Whether it has to be another, if a header."""
        header = decode_line(line.removeprefix(_BOM))
        self._header = header if isinstance(header, Open) else None
        return self.links.begin(self._header)

    def erased(self, pieces: Iterable[bytes], where: str) -> Iterator[bytes]:
        """The file, with its header's format raised: to be asked where `changes` has said yes.

        Right after that, of the same file.
        """
        buffer = bytearray()
        begins = True
        for line, end in _lines(pieces, where):
            buffer += self._raised(line) if begins else self.line(line)
            buffer += end
            begins = False
            if len(buffer) >= _AT_ONCE:
                yield bytes(buffer)
                buffer.clear()
        yield bytes(buffer)

    def _raised(self, line: bytes) -> bytes:
        """The header of a file in which states are erased now. What is no header stays."""
        header = self._header
        if header is None:
            return line
        changed = replace(
            header,
            format=max(header.format, WITH_ERASED),
            erasures=header.erasures + 1 if header.erasures < _MOST_ERASURES else 1,
        )
        return control_line(self.links.header(changed) if self.forget else changed)[:-1]

    def lines(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Lines from somewhere in a file, each with its newline."""
        for line, end in _lines(pieces, ""):
            yield self.line(line) + end


def _lines(pieces: Iterable[bytes], where: str) -> Iterator[tuple[bytes, bytes]]:
    """Lines and their newlines, which the last may lack. One that is too long comes in parts.

    A part ends before a quote if there is one near: what is searched for stands in a text.

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
            cut = rest.rfind(b'"', len(rest) - _AT_ONCE)
            cut = len(rest) if cut < 0 else cut
            yield rest[:cut], b""
            rest = rest[cut:]
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
            yield from [("once", record.once)] if record.once is not None else ()
        case Takeover():
            yield "runtime_id", record.runtime_id
        case _:
            if record.runtime_id is not None:
                yield "runtime_id", record.runtime_id
