"""Takes out rows that say nothing new. A fault stays, unless exactly the same one is repeated."""

from itertools import chain, groupby

from projections.cli.lanes.rows import Row

_MOST_WRITES = 5  # rows of quiet writes in a stretch that is shown whole
_ENDS_OF_WRITES = 2  # rows shown at either end of a longer one
_LONGEST_CYCLE = 12  # rows
_FEWEST_REPEATS = 4
_MOST_CALM = 8  # handoffs without a fault in a stretch that is shown whole
_ENDS_OF_CALM = 3  # handoffs shown at either end of a longer one


def condense(rows: list[Row], more: str) -> list[Row]:
    """The rows, with those that say nothing new replaced by rows marked with `more`."""
    return _without_calm(_without_cycles(_without_quiet(rows, more), more), more)


def _without_quiet(rows: list[Row], more: str) -> list[Row]:
    """Keep only the ends of a long stretch of one runtime's writes; turns run twice stay."""
    result: list[Row] = []
    for key, neighbours in groupby(rows, _quiet):
        stretch = list(neighbours)
        if key is not None and len(stretch) > _MOST_WRITES:
            middle = stretch[_ENDS_OF_WRITES:-_ENDS_OF_WRITES]
            writes, turns = sum(row.writes for row in middle), len({row.name for row in middle})
            note = f"{writes:,} writes of {turns:,} turn{'s' * (turns != 1)} {middle[0].note}"
            stretch[_ENDS_OF_WRITES:-_ENDS_OF_WRITES] = [_left_out(middle, note.rstrip(), more)]
        result += stretch
    return result


def _quiet(row: Row) -> tuple[object, ...] | None:
    """The same for all writes of a quiet stretch; None for a row that is not a quiet write."""
    if not row.writes or (row.note != "late" and not row.is_calm):
        return None
    return row.lane, row.note, row.owner


def _without_cycles(rows: list[Row], more: str) -> list[Row]:
    """Keep rows that repeat in a cycle once, with the number of repetitions. O(rows)."""
    keys = [row.key() for row in rows]
    result: list[Row] = []
    at = 0
    while at < len(rows):
        period, times = _cycle(keys, at)
        result += rows[at : at + period]
        if times > 1:
            again = rows[at + period : at + period * times]
            note = f"the same {times - 1:,} times more"
            result.append(_left_out(again, note, more, across=True))
        at += period * times
    return result


def _cycle(keys: list[tuple[object, ...]], at: int) -> tuple[int, int]:
    """The rows in the cycle that begins there, and how often it comes; (1, 1) for no cycle."""
    for period in range(1, _LONGEST_CYCLE + 1):
        once, times = keys[at : at + period], 1
        while keys[at + times * period : at + (times + 1) * period] == once:
            times += 1
        if times >= _FEWEST_REPEATS:
            return period, times
    return 1, 1


def _without_calm(rows: list[Row], more: str) -> list[Row]:
    """Keep only the first and the last of many handoffs in which nothing went wrong."""
    result: list[Row] = []
    all_calm = groupby(_stretches(rows), lambda rows: all(row.is_calm for row in rows))
    for calm, neighbours in all_calm:
        stretches = list(neighbours)
        if calm and len(stretches) > _MOST_CALM:
            middle = list(chain(*stretches[_ENDS_OF_CALM:-_ENDS_OF_CALM]))
            note = f"{sum(row.handoffs for row in middle):,} handoffs more, without a fault"
            stretches[_ENDS_OF_CALM:-_ENDS_OF_CALM] = [
                [_left_out(middle, note, more, across=True)]
            ]
        result += chain(*stretches)
    return result


def _stretches(rows: list[Row]) -> list[list[Row]]:
    """The rows, divided before each arrow."""
    result: list[list[Row]] = []
    for row in rows:
        if row.to is not None or not result:
            result.append([])
        result[-1].append(row)
    return result


def _left_out(rows: list[Row], note: str, more: str, *, across: bool = False) -> Row:
    """The row that stands for others."""
    seqs = [seq for row in rows for seq in (row.first, row.last) if seq] or [0]
    return Row(
        lane=rows[0].lane,
        mark=more,
        note=note,
        style="red" if any(row.style == "red" for row in rows) else "dim",
        first=seqs[0],
        last=seqs[-1],
        ts=rows[0].ts,
        owner=rows[0].owner,
        across=across,
        handoffs=sum(row.handoffs for row in rows),
        waits=any(row.waits for row in rows),
    )
