"""How a long text of a state changed: a unified diff of its lines, or its words in place."""

from collections.abc import Iterator, Sequence

from projections.cli.terminal.output import Segment, Style, width
from projections.compare.difference import LeafChange
from projections.compare.encoding import compact_json
from projections.compare.texts import Piece, PieceMark, hunks, words

_SHORT = 40  # characters; texts up to here are shown side by side
_MANY_LINES = 3
_LEAST_IN_COMMON = 3  # a word diff of texts that have less than a third in common is a riddle
_MOST_KEPT = 30  # characters of what stayed on each side of a change, on a terminal

_STYLES: dict[PieceMark, Style] = {"-": "red", "+": "green", "=": None}
_BRACKETS: dict[PieceMark, tuple[str, str]] = {"=": ("", ""), "-": ("[-", "-]"), "+": ("{+", "+}")}
_PREFIXES: dict[PieceMark, str] = {"=": " ", "-": "-", "+": "+"}

_INDENT = "    "
_NO_NEWLINE = "\\ No newline at end of text"


def text_lines(change: LeafChange) -> list[list[Segment]]:
    """What changed in a text. Empty if the old and the new value are best shown side by side.

    So they are if one of them is no text, if both are short, or if they have little in common.
    If one of the texts has three lines, a unified diff is indented under the path. Otherwise
    the text stands beside the path, as JSON, with `[-removed-]` and `{+added+}` in place; on a
    terminal, only those parts of it are shown that are near to a change.
    """
    old, new = change.old, change.new
    if change.mark != "~" or not (isinstance(old, str) and isinstance(new, str)):
        return []
    head: Segment = (f"~ {change.path}:", "yellow")
    if max(old.count("\n"), new.count("\n")) + 1 >= _MANY_LINES:
        return [[head], *([_INDENT, line] for line in _unified(old, new))]
    text = _changed_words(old, new)
    return [[head, " ", *text]] if text else []


def _unified(old: str, new: str) -> Iterator[Segment]:
    for hunk in hunks(old, new):
        yield hunk.heading, "dim"
        for mark, text in hunk.lines:
            yield _PREFIXES[mark] + text.removesuffix("\n"), _STYLES[mark]
            if not text.endswith("\n"):
                yield _NO_NEWLINE, "dim"


def _changed_words(old: str, new: str) -> list[Segment]:
    if max(len(old), len(new)) <= _SHORT:
        return []
    pieces = words(old, new)
    kept = sum(len(text) for mark, text in pieces if mark == "=")
    if kept * _LEAST_IN_COMMON < min(len(old), len(new)):
        return []
    columns = width()
    if columns is not None:
        pieces = _excerpt(pieces, min(_MOST_KEPT, columns // 5))
    return ['"', *(_segment(piece) for piece in pieces), '"']


def _segment(piece: Piece) -> Segment:
    before, after = _BRACKETS[piece.mark]
    return f"{before}{compact_json(piece.text)[1:-1]}{after}", _STYLES[piece.mark]


def _excerpt(pieces: Sequence[Piece], kept: int) -> list[Piece]:
    """The pieces; of those that stayed, only about `kept` characters on each side of a change."""
    last = len(pieces) - 1
    return [
        Piece("=", _ends(piece.text, kept * (at > 0), kept * (at < last)))
        if piece.mark == "="
        else piece
        for at, piece in enumerate(pieces)
    ]


def _ends(text: str, head: int, tail: int) -> str:
    """So many characters of both ends, or less so that no word is cut; the text if it is short."""
    if len(text) <= head + tail + len(" … "):
        return text
    begin, end = text[:head], text[len(text) - tail :]
    begin = begin.rpartition(" ")[0] or begin
    end = end.partition(" ")[2] or end
    return f"{begin} … {end}" if head and tail else f"{begin} …" if head else f"… {end}"
