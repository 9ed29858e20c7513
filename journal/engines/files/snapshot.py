"""A snapshot: what was folded from a log up to one of its events, in a file beside it.

It is lines of JSON: the first says what it is, the second how long each state is, and each
further one is a state. The first line names the log, its header, and the line after which it
was taken: a snapshot counts for a log that begins with that header and has that line at that
place. Digests show what is not whole.

It is derived and never synced. What is read of it is either what was written or nothing.
"""

import os
from collections.abc import Callable, Iterator
from errno import EFBIG
from hashlib import sha256
from itertools import chain, islice
from typing import Annotated, Any, TypeAlias
from zlib import crc32

import msgspec
from msgspec import Meta, Raw, Struct

from journal.codec import NEWEST, decode_line
from journal.engines.files.backwards import lines_back
from journal.engines.files.ends import header_of
from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import FIRST, Storage, chunks
from journal.events import Open, Sealed
from journal.names import Paths, unfinished
from journal.snapshots import UNREADABLE, EncodedTurns
from journal.state import MAX_LINE, encode_text

_VERSION = 1
_PIECE = 1 << 16  # bytes written at a time …
_SLICE = 256  # … and turns counted: a tenth of a millisecond
_CRC = (1 << 32) - 1
_LINE_END = b'"}\n'
_DIGEST_KEY = b',"digest":"'
_DIGEST_END = len(_DIGEST_KEY) + 64 + len(_LINE_END)

_Packed = Annotated[int, Meta(ge=0, lt=MAX_LINE << 32)]
_Lengths: TypeAlias = dict[str, dict[str, _Packed]]
"""By runtime and turn, in the order of the states: how long each is, and its CRC-32.

Both in one number, the length above the lower 32 bits: it takes a third of the memory of two.
"""


class Anchor(Struct, frozen=True, kw_only=True):
    """Of which log a snapshot is, and as of where in it.

    `opened` is the hash of the log's header, `line_hash` that of the line that ends at the offset
    `end`. `seq` and `hash` are those of the newest event up to there, `count` is how many events
    there are. `shared` is how many bytes of other files a fork's snapshot stands for.
    """

    session_id: str
    log_id: str
    opened: str
    seq: int
    hash: str
    line_hash: str
    end: int
    count: int
    shared: int = 0

    @property
    def most(self) -> int:
        """Bytes that the names, and the states, can have at most: each is in a line of a log."""
        return self.end + self.shared

    def has_all(self, header: Open) -> bool:
        """Whether all is there that the log's header says was kept, and all events since."""
        return self.count == header.kept + self.seq - header.base_seq

    def is_after(self, line: bytes, header: Open) -> bool:
        """Whether this is the line before it, in the log of this header."""
        record = decode_line(line)
        if record is None or isinstance(record, Sealed) or record.hash != self.line_hash:
            return False
        if isinstance(record, Open) or record.seq <= header.base_seq:  # nothing came after it
            return (self.seq, self.hash) == (header.base_seq, header.base_hash)
        return (self.seq, self.hash) == (record.seq, record.hash)


class _Head(Struct, frozen=True, kw_only=True):
    """The first line, but for the digest of what is before it."""

    version: int
    place: Anchor
    lengths: int  # bytes of the second line
    lengths_digest: str
    states: int  # bytes of the lines of all states
    summary: Raw
    rest: Raw


_decode_head = msgspec.json.Decoder(_Head).decode
_decode_lengths = msgspec.json.Decoder(_Lengths).decode


def encoded(
    place: Anchor, turns: EncodedTurns, rest: bytes, summary: bytes, pause: Callable[[], object]
) -> Iterator[bytes]:
    """The file, in pieces. O(bytes of the states). Calls `pause` now and then.

    OSError for what no reader would take.
    """
    lengths = _lengths_of(turns, pause)
    head = msgspec.json.encode(
        _Head(
            version=_VERSION,
            place=place,
            lengths=len(lengths) + 1,
            lengths_digest=sha256(lengths).hexdigest(),
            states=sum(sum(map(len, of.values())) + len(of) for of in turns.values()),
            summary=Raw(summary),
            rest=Raw(rest),
        )
    )[:-1]
    if len(head) + _DIGEST_END > MAX_LINE or len(lengths) > place.most:
        raise OSError(EFBIG, os.strerror(EFBIG))  # no message of ours: it is only logged
    digest = sha256(head).hexdigest().encode()
    yield b"".join((head, _DIGEST_KEY, digest, _LINE_END, lengths, b"\n"))
    piece: list[bytes] = []
    size = 0
    for state in chain.from_iterable(of.values() for of in turns.values()):
        piece += (state, b"\n")
        size += len(state)
        if size >= _PIECE:
            yield b"".join(piece)
            piece, size = [], 0
    if piece:
        yield b"".join(piece)


def _lengths_of(turns: EncodedTurns, pause: Callable[[], object]) -> bytes:
    """`_Lengths` as JSON. Put together from pieces, which takes little memory."""
    runtimes = []
    for runtime_id, of in turns.items():
        slices, left = [], iter(of.items())
        while some := list(islice(left, _SLICE)):
            slices.append(b",".join([_length_of(*item) for item in some]))
            pause()
        runtimes.append(b"%b:{%b}" % (encode_text(runtime_id, "runtime_id"), b",".join(slices)))
    return b"{%b}" % b",".join(runtimes)


def _length_of(turn_id: str, state: bytes) -> bytes:
    return b"%b:%d" % (encode_text(turn_id, "turn_id"), len(state) << 32 | crc32(state))


def remove_snapshot(storage: Storage, paths: Paths) -> None:
    """Remove the snapshot of a session, and what is left of one that was being written.

    What stands there and is no file stays. OSError.
    """
    for path in (unfinished(paths.snapshot), paths.snapshot):
        try:
            if storage.find(path) is not None:
                storage.unlink(path)
        except (FileNotFoundError, IsADirectoryError):
            pass


class SnapshotFile:
    """A snapshot that is open. Every call gives None for what is not as it was written."""

    def __init__(self, file: LogFile, head: _Head, start: int) -> None:
        self._storage = file.storage
        self._file = file
        self._head = head
        self._start = start  # where the lengths begin
        self.place = head.place
        self.summary = bytes(head.summary)
        self.rest = bytes(head.rest)

    @classmethod
    def open(cls, storage: Storage, paths: Paths) -> "SnapshotFile | None":
        """The session's snapshot; None if there is none. To be closed. OSError."""
        try:
            file = LogFile(storage, paths.snapshot, create=False)
        except FileNotFoundError:
            return None
        try:
            found = _head_in(file)
            if found is not None and found[0].place.session_id == paths.session_id:
                return cls(file, *found)
        except BaseException:
            file.close()
            raise
        file.close()
        return None

    def close(self) -> None:
        self._file.close()

    def header_in(self, log: int, size: int) -> Open | None:
        """The header of the log `log`, a descriptor, if the snapshot is of that log.

        `size` is how long the log is. Reads its first line and the one that `place` is after.
        OSError.
        """
        place, storage = self.place, self._storage
        if not 0 < place.end <= size:
            return None
        header = header_of(chunks(storage, log, 0, size, FIRST))
        is_same = (
            header is not None
            and header.format <= NEWEST
            and header.hash == place.opened
            and header.session_id == place.session_id
            and header.log_id == place.log_id
            and place.has_all(header)
            and place.is_after(_last_line(storage, log, place.end), header)
        )
        return header if is_same else None

    def turns(self) -> EncodedTurns | None:
        """All states. O(bytes). OSError."""
        lengths = self._lengths()
        if lengths is None:
            return None
        start = self._start + self._head.lengths
        pieces = chunks(self._storage, self._file.fd, start, start + self._head.states)
        found: dict[str, dict[str, Any]] = lengths  # each is replaced by its state
        buffer, at = b"", 0
        for turns in found.values():
            for turn_id, packed in turns.items():
                length = packed >> 32
                while len(buffer) - at <= length:  # with the newline after it
                    piece = next(pieces, b"")
                    if not piece:
                        return None
                    buffer, at = buffer[at:] + piece, 0
                state = buffer[at : at + length]
                if crc32(state) != packed & _CRC:
                    return None
                turns[turn_id] = state
                at += length + 1
        return found if at == len(buffer) and next(pieces, None) is None else None

    def turn(self, runtime_id: str, turn_id: str) -> tuple[bytes | None] | None:
        """One state in a tuple, or None in a tuple if there is no such turn. OSError.

        Reads the lengths, about 20 bytes a turn, and this state.
        """
        lengths = self._lengths()
        if lengths is None:
            return None
        start = self._start + self._head.lengths
        for runtime, of in lengths.items():
            for turn, packed in of.items():
                length = packed >> 32
                if runtime == runtime_id and turn == turn_id:
                    state = self._read(start, length)
                    return (state,) if crc32(state) == packed & _CRC else None
                start += length + 1
        return (None,)

    def _lengths(self) -> _Lengths | None:
        data = self._read(self._start, self._head.lengths)
        line = data[:-1]
        if data[-1:] != b"\n" or sha256(line).hexdigest() != self._head.lengths_digest:
            return None
        try:
            return _decode_lengths(line)
        except UNREADABLE:
            return None

    def _read(self, start: int, length: int) -> bytes:
        return b"".join(chunks(self._storage, self._file.fd, start, start + length))


def _last_line(storage: Storage, fd: int, end: int) -> bytes:
    """The line that ends at an offset, without its newline; empty if none does."""
    lines = lines_back(storage, fd, end)
    return next(lines, b"") if next(lines, b"\n") == b"" else b""


def _head_in(file: LogFile) -> tuple[_Head, int] | None:
    """The first line and where it ends; None if it is not as it was written."""
    line = b""
    for piece in chunks(file.storage, file.fd, 0, MAX_LINE, FIRST):
        line += piece
        if b"\n" in piece:
            break
    line = line[: line.find(b"\n") + 1]
    covered, digest = line[:-_DIGEST_END], line[-_DIGEST_END:]
    if digest != b"%b%b%b" % (_DIGEST_KEY, sha256(covered).hexdigest().encode(), _LINE_END):
        return None
    try:
        head = _decode_head(line)
    except UNREADABLE:
        return None
    return (head, len(line)) if _is_sane(head) else None


def _is_sane(head: _Head) -> bool:
    """Whether it may be what it says."""
    place, most = head.place, head.place.most
    return (
        head.version == _VERSION
        and 0 <= head.lengths <= most
        and 0 <= head.states <= most
        and 0 <= place.count <= most
        and place.shared >= 0
    )
