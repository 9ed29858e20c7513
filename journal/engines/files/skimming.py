"""Coming to the end of a log without reading it: for writers.

A writer needs the newest event's seq and hash, and certainty that readers will take this for the
newest event. It decodes the last line and counts the others: there must be as many as events
since the last one that it knew, and the last two must be linked. Where anything is less plain
than that, the log is read.
"""

from typing import NamedTuple

from journal.codec import HASH_DIGITS, NEWEST, decode_line
from journal.engines.files.segment import Segment, Tip
from journal.engines.files.storage import CHUNK
from journal.events import Head, Open, Record, Sealed
from journal.state import MAX_LINE

_BEGINNING = 1 << 16  # bytes within which a header ends
_HASH_END = len(b'"hash":"') + HASH_DIGITS + len(b'"}\n')  # bytes at the end of a line


class _Start(NamedTuple):
    """Where to count from: the lines after `end`.

    Their number and `seq` add up to the seq of the last one. `head` is the seq and the hash of
    the newest event before them. One of them has to end with `must_hold`.
    """

    header: Open
    end: int
    seq: int
    head: tuple[int, str]
    must_hold: bytes


class _Skimmed(NamedTuple):
    """The lines that were counted, up to `end`. `last` is the last of them, with its newline.

    `before` is the end of the line before that; empty if there is none.
    """

    lines: int
    end: int
    last: bytes
    before: bytes


def skim(segment: Segment, known: Head | None) -> bool:
    """Move `segment.tip` to the end of the file, past what others have appended.

    Returns False when the log has to be read instead. A file that was not read yet must be the
    log that `known`, if anything is, is an event of: it holds that event, or a compaction has
    folded it. O(bytes), a millisecond for some megabytes; holds one line in memory. OSError.
    """
    start = _after_tip(segment) if segment.tip.end else _after_header(segment, known)
    skimmed = _skim_from(segment, start) if start is not None else None
    if start is None or skimmed is None:
        return False
    found = decode_line(skimmed.last[:-1]) if skimmed.last.endswith(b"}\n") else start.header
    tip = _tip_at(start, skimmed, found) if found is not None else None
    if tip is None:
        return False
    segment.tip = tip
    return True


def _after_tip(segment: Segment) -> _Start | None:
    tip = segment.tip
    header = tip.header
    if header is None or header.format > NEWEST or not segment.is_at_tip():
        return None
    return _Start(header, tip.end, tip.seq, (tip.seq, tip.hash), b"")


def _after_header(segment: Segment, known: Head | None) -> _Start | None:
    line, newline, _ = segment.storage.read(segment.file.fd, _BEGINNING, 0).partition(b"\n")
    header = decode_line(line) if newline else None
    if (
        not isinstance(header, Open)
        or header.format > NEWEST
        or header.session_id != segment.paths.session_id
        or (known is not None and header.log_id != known.log_id)
    ):
        return None
    must_hold = b""
    if known is not None and known.seq >= header.base_seq and known.hash != header.base_hash:
        must_hold = _end_of(known.hash)
    base = (header.base_seq, header.base_hash)
    return _Start(header, len(line) + 1, header.base_seq - header.kept, base, must_hold)


def _skim_from(segment: Segment, start: _Start) -> _Skimmed | None:
    """Count the lines up to the end of the file. None if the one that must be there is not."""
    lines, end, last, before = 0, start.end, b"", b""
    missing, size = start.must_hold, segment.file.size()
    while end < size and (
        data := segment.storage.read(segment.file.fd, min(size - end, CHUNK), end)
    ):
        lines += data.count(b"\n")
        end += len(data)
        text = last + data
        if missing and missing in text:
            missing = b""
        begin = text.rfind(b"\n", 0, -1) + 1
        last, before = text[begin:], text[max(0, begin - _HASH_END) : begin] or before
        if len(last) > MAX_LINE:
            return None  # no line of a log
    return None if missing else _Skimmed(lines, end, last, before)


def _end_of(digest: str) -> bytes:
    """How a line ends that has this hash."""
    return b'"hash":"%b"}\n' % digest.encode()


def _tip_at(start: _Start, skimmed: _Skimmed, last: Record) -> Tip | None:
    """The tip after the last line. None if the lines are too many, too few or not linked."""
    header, (lines, end, line, before) = start.header, skimmed
    seq, digest = start.head
    if not isinstance(last, Open | Sealed) and last.seq > seq:
        follows = last.prev == digest if last.seq == seq + 1 else before == _end_of(last.prev)
        is_whole = lines == last.seq - start.seq and follows
        return Tip(header, end, last.seq, last.hash, last.hash) if is_whole else None
    # Nothing came after the compaction, or after the header of a log without a compaction.
    is_whole = not isinstance(last, Sealed) and start.seq + lines == header.base_seq
    if not is_whole or (line == b"") is not isinstance(last, Open):
        return None
    return Tip(header, end, header.base_seq, header.base_hash, last.hash)
