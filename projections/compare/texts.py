"""How one text became another: by words, or by lines as a unified diff. Pure: no I/O.

Both go by the longest common subsequence of `subsequence.matches`, so their cost is bounded:
O(n log n) for texts of n characters, however unlike they are.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Literal, NamedTuple, TypeAlias

from projections.compare.alignment import Stretch, align

PieceMark: TypeAlias = Literal["=", "-", "+"]

_WORD = re.compile(r"[^\W\u2e80-\U0010ffff]+|\w")
"""A word; in scripts without blanks between the words, one character."""


class Piece(NamedTuple):
    """A part of a text that stayed ("="), was removed ("-") or added ("+")."""

    mark: PieceMark
    text: str


class Hunk(NamedTuple):
    """Lines that changed, with some around them. Each text has its newline, if it has one.

    The starts count lines from 0.
    """

    old_start: int
    new_start: int
    lines: list[Piece]

    @property
    def heading(self) -> str:
        """`@@ -1,4 +1,5 @@`, as POSIX has it: a range without lines begins before line 1."""
        return f"@@ -{self._range(self.old_start, '+')} +{self._range(self.new_start, '-')} @@"

    def _range(self, start: int, other: PieceMark) -> str:
        count = sum(line.mark != other for line in self.lines)
        first = start + 1 if count else start
        return str(first) if count == 1 else f"{first},{count}"


def words(old: str, new: str) -> list[Piece]:
    """The pieces in order. What stayed and what was removed is `old`, without the added ones.

    What was removed stands before what was added in its place. Words are matched; what stands
    between two of them belongs to one change, so "a b" for "c d" is one and not two.
    """
    ours, theirs = list(_WORD.finditer(old)), list(_WORD.finditer(new))
    pieces: list[Piece] = []
    was_at = now_at = 0
    for stretch in align([word[0] for word in ours], [word[0] for word in theirs]):
        if stretch.same:
            for i, j in zip(stretch.old, stretch.new, strict=True):
                pieces += _change(old[was_at : ours[i].start()], new[now_at : theirs[j].start()])
                pieces.append(Piece("=", ours[i][0]))
                was_at, now_at = ours[i].end(), theirs[j].end()
    pieces += _change(old[was_at:], new[now_at:])
    return list(_joined(pieces))


def hunks(old: str, new: str, context: int = 3) -> Iterator[Hunk]:
    """The hunks of a unified diff, each with up to `context` lines around its changes."""
    lines, others = lines_of(old), lines_of(new)
    changes = [stretch for stretch in align(lines, others) if not stretch.same]
    for group in _groups(changes, 2 * context):
        before = min(context, group[0].old.start)
        after = min(context, len(lines) - group[-1].old.stop)
        start, stop = group[0].old.start - before, group[-1].old.stop + after
        found: list[Piece] = []
        for change in group:
            found += (Piece("=", line) for line in lines[start : change.old.start])
            found += (Piece("-", lines[i]) for i in change.old)
            found += (Piece("+", others[j]) for j in change.new)
            start = change.old.stop
        found += (Piece("=", line) for line in lines[start:stop])
        yield Hunk(group[0].old.start - before, group[0].new.start - before, found)


def lines_of(text: str) -> list[str]:
    """The lines with their newlines; only `\\n` ends a line. The last may have none."""
    found = [f"{line}\n" for line in text.split("\n")]
    last = found.pop()[:-1]
    return [*found, last] if last else found


def _groups(changes: Iterable[Stretch], most_between: int) -> Iterator[list[Stretch]]:
    """The changes, those together that have at most so many lines between them."""
    group: list[Stretch] = []
    for change in changes:
        if group and change.old.start - group[-1].old.stop > most_between:
            yield group
            group = []
        group.append(change)
    if group:
        yield group


def _change(was: str, now: str) -> Iterator[Piece]:
    """What stands between two words that stayed; blanks and the like at both ends may stay."""
    head = _common(was, now)
    tail = _common(was[head:][::-1], now[head:][::-1])
    parts = (
        Piece("=", was[:head]),
        Piece("-", was[head : len(was) - tail]),
        Piece("+", now[head : len(now) - tail]),
        Piece("=", was[len(was) - tail :]),
    )
    return (part for part in parts if part.text)


def _common(one: str, other: str) -> int:
    """How many characters are the same at the start, up to the first word."""
    word = _WORD.search(one)
    end = min(len(other), word.start() if word is not None else len(one))
    return next((at for at in range(end) if one[at] != other[at]), end)


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The pieces, with those that stayed joined to one if nothing is between them."""
    for mark, group in groupby(pieces, key=lambda piece: piece.mark):
        yield Piece(mark, "".join(piece.text for piece in group))
