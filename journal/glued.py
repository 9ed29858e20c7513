"""Whole events in a line that is not intact as a whole: what was torn has another glued to it."""

from journal.codec import decode_line

EVENT_START = b'{"seq":'
"""How the line of every event begins."""

_MOST_SPLITS = 64
_LONG = 1 << 20  # bytes of a line that is not searched for as many


def split_glued(line: bytes, place: int) -> list[tuple[bytes | None, int, int]]:
    """A bad line as (text, start, stop) parts, of which some may be intact.

    A torn write with a whole event written after it, or a newline turned into
    another byte: the last part is a whole event, and so perhaps is the first.
    """
    stop = place + len(line)
    at = 0
    for _ in range(_MOST_SPLITS if len(line) < _LONG else 2):
        at = line.find(EVENT_START, at + 1)
        if at < 0:
            break
        if decode_line(line[at:]) is None:
            continue
        for cut in (at, at - 1):
            if decode_line(line[:cut]) is not None:
                first: list[tuple[bytes | None, int, int]] = [(line[:cut], place, place + cut)]
                if cut < at:
                    first.append((None, place + cut, place + at))
                return [*first, (line[at:], place + at, stop)]
        return [(None, place, place + at), (line[at:], place + at, stop)]
    return [(None, place, stop)]
