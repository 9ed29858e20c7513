"""Whether the lines of a log are as many as there are events, as far as that can be seen quickly.

After the header and what compaction has kept, the seqs of a log go up by one from line to line.
So its first line, its last one and the number of lines tell whether any is missing, was put in,
or was torn apart. What is wrong within a line shows only where the line is decoded.
"""

from collections.abc import Iterable, Iterator

from journal.codec import NEWEST, decode_line
from journal.events import Open, Sealed
from projections.search.sweep import FoundLine, Swept


class LogShape:
    """The matches of one log, and whether all of it was as it should be: else `is_odd`.

    So is a fork that shares its beginning with its origin: that is in another file.
    """

    def __init__(self, session_id: str) -> None:
        self.is_odd = False
        self._session_id = session_id
        self._header: Open | None = None

    @property
    def log_id(self) -> str:
        """To be asked for once there was a match."""
        return self._header.log_id if self._header is not None else ""

    def in_order(self, parts: Iterable[Swept]) -> Iterator[FoundLine]:
        """The matches in the parts of the log by seq, up to where something is amiss."""
        lines, last = 0, b""
        kept: list[tuple[int, FoundLine]] = []  # out of order, as compaction leaves them
        for part in parts:
            if self._header is None and not part.is_odd:
                self._header = self._header_in(part.first)
            if self._header is None or part.is_odd:
                self.is_odd = True
                break
            lines, last = lines + part.lines, part.last or last
            for found in part.found:
                seq = _seq_of(found.line) if self._header.base_seq else 1
                if seq <= self._header.base_seq:
                    kept.append((seq, found))
                    continue
                yield from _drained(kept)
                yield found
        yield from _drained(kept)
        self.is_odd = self.is_odd or not self._is_whole(lines, last)

    def _header_in(self, line: bytes) -> Open | None:
        record = decode_line(line)
        if not isinstance(record, Open) or record.format > NEWEST:
            return None
        return record if record.session_id == self._session_id else None

    def _is_whole(self, lines: int, last: bytes) -> bool:
        header = self._header
        if header is None:
            return False
        record = decode_line(last)
        if record is None or isinstance(record, Sealed):
            return False
        after = 0 if isinstance(record, Open) else max(0, record.seq - header.base_seq)
        return lines == 1 + header.kept + after and not header.shares


def _seq_of(line: bytes) -> int:
    record = decode_line(line)
    return 0 if record is None or isinstance(record, Open | Sealed) else record.seq


def _drained(kept: list[tuple[int, FoundLine]]) -> Iterator[FoundLine]:
    for _, found in sorted(kept, key=lambda each: each[0]):
        yield found
    kept.clear()
