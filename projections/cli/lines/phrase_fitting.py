"""Fits phrases into a line: what matters most stays, values are cut, the rest is left out."""

from collections.abc import Sequence

from projections.cli.lines.marks import Marks
from projections.cli.lines.phrase_parts import MUST, Phrase, Words
from projections.cli.terminal.fitting import fair_share
from projections.cli.terminal.output import Piece
from projections.cli.terminal.texts import end_cut, len_of

GAP = "  "
"""Between two phrases."""

_MINOR = 80  # the rank from which on nobody is told that a phrase was left out
_MOST = 12  # phrases that are looked at; the others are the least important


def whole(phrases: Sequence[Phrase]) -> list[Piece]:
    """The phrases side by side, however long that is."""
    found: list[Piece] = []
    for phrase in phrases:
        if found:
            found.append((GAP, None))
        for part in phrase.parts:
            found += [(part.lead, None)] * bool(part.lead) + [(part.text, part.style)]
    return found


def fit(phrases: Sequence[Phrase], room: int, marks: Marks) -> list[Piece]:
    """The phrases in at most `room` columns, if the most important one can be cut to that.

    Phrases that had to be left out are an ellipsis at the end.
    """
    from rich.cells import cell_len

    if sum(cell_len(text) for text, _ in whole(phrases[:_MOST])) <= room and len(phrases) <= _MOST:
        return whole(phrases)
    kept = _Kept(phrases)
    more = f" {marks.cut}"
    while kept.columns() + kept.is_less * len(more) > room and kept.leave_out():
        pass
    pieces = whole(kept.shrunk(room - kept.is_less * len(more), marks))
    return [*pieces, (more, "dim")] if kept.is_less else pieces


class _Kept:
    """The phrases that are left; each time `leave_out` is called, a little less of them.

    `is_less` tells whether phrases that matter were left out.
    """

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        ranked = sorted(range(len(phrases)), key=lambda index: (phrases[index].rank, index))
        chosen = sorted(ranked[:_MOST])
        self.is_less = len(chosen) < len(phrases)
        self._phrases = {index: phrases[index] for index in chosen}

    def columns(self, *, without_values: bool = False) -> int:
        """What they take if every value that can be is cut as far as it may be, or to nothing."""
        sizes = [
            len(part.lead) + (_least(part) if not without_values or part.least is None else 0)
            for phrase in self._phrases.values()
            for part in phrase.parts
        ]
        return sum(sizes) + len(GAP) * max(len(self._phrases) - 1, 0)

    def leave_out(self) -> bool:
        """Leave out what matters least: a part, or a whole phrase. False if one must stay."""
        phrases = self._phrases
        units = [
            (part.rank, index, number)
            for index, phrase in phrases.items()
            for number, part in enumerate(phrase.parts)
            if part.rank != MUST
        ]
        if len(phrases) > 1:
            units += [(phrase.rank, index, -1) for index, phrase in phrases.items()]
        if not units:
            return False
        _, index, number = max(units)
        if number < 0:
            self.is_less |= phrases.pop(index).rank < _MINOR
        else:
            rank, parts = phrases[index]
            phrases[index] = Phrase(rank, parts[:number] + parts[number + 1 :])
        return True

    def shrunk(self, room: int, marks: Marks) -> list[Phrase]:
        """The phrases with their values cut so that all fit into `room`."""
        values = [
            len_of(part.text)
            for phrase in self._phrases.values()
            for part in phrase.parts
            if part.least is not None
        ]
        left = room - self.columns(without_values=True)
        if sum(values) <= left:
            return list(self._phrases.values())
        most = fair_share(values, max(left, 0))
        return [
            Phrase(phrase.rank, [_cut(part, most, marks) for part in phrase.parts])
            for phrase in self._phrases.values()
        ]


def _cut(part: Words, most: int, marks: Marks) -> Words:
    if part.least is None or len_of(part.text) <= most:
        return part
    return part._replace(text=end_cut(part.text, most, marks.cut) if most > len(marks.cut) else "")


def _least(part: Words) -> int:
    size = len_of(part.text)
    return size if part.least is None else min(size, part.least)
