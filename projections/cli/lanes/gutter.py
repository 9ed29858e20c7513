"""Seqs and times to the left of the lanes, as far as there is room."""

from collections.abc import Sequence
from typing import NamedTuple

from projections.cli.formats.clocks import day_of, local_time
from projections.cli.lanes.canvas import Line
from projections.cli.lanes.rows import Row
from projections.cli.terminal.output import plain

_HEADING = "SEQ"


class Gutter(NamedTuple):
    """The columns for seqs and for times; 0 leaves them out."""

    seqs: int = 0
    times: int = 0

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Gutter":
        """A gutter with room for all seqs and times."""
        return cls(
            max(len(_HEADING), *(len(row.seqs) for row in rows)),
            max(len(text) for row in rows for text in (time_of(row.ts), day_of(row.ts))),
        )

    @property
    def columns(self) -> int:
        return sum(size + 2 for size in self if size)

    def heading(self, day: str) -> Line:
        return self._line(_HEADING, day)

    def day(self, day: str) -> Line:
        return self._line("", day)

    def row(self, row: Row) -> Line:
        return self._line(row.seqs, time_of(row.ts) if row.first else "")

    def _line(self, seqs: str, time: str) -> Line:
        parts = (seqs.rjust(self.seqs), time.ljust(self.times)[: self.times])
        return [(f"{part}  ", "dim") for part, size in zip(parts, self, strict=True) if size]


def time_of(ts: str) -> str:
    """`10:18:00`, local; if `ts` is not a timestamp, its beginning."""
    when = local_time(ts)
    return f"{when:%H:%M:%S}" if when is not None else plain(ts)[: len("10:18:00")]
