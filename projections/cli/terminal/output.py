"""Standard output: its width, its colours, and text that is safe for it.

Ids, states and reasons come from runtimes, so they may hold anything. Characters that could
steer a terminal are shown as escapes, in a pipe too.
"""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias
from zlib import crc32

Style: TypeAlias = int | str | None
"""One of the 256 colours of a terminal, or the name of a style in `_SGR`."""

Piece: TypeAlias = tuple[str, Style]
Segment: TypeAlias = str | Piece
"""A piece of a line, with or without a style."""

_SGR = {"bold": "1", "dim": "2", "red": "1;31", "green": "32", "yellow": "33", "match": "7"}
_PALETTE = (39, 208, 141, 78, 220, 205, 44, 180, 111, 149, 215, 147)  # none of them red
_CRC_START = 460  # with this value, usual names (native, harness, reviewer …) differ in colour
_HARMFUL = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def plain(text: str) -> str:
    """`text` on one line: control and direction characters become `\\x1b`, `\\u202e` …"""
    if text.isprintable():
        return text  # as most is; nothing harmful counts as printable
    return _HARMFUL.sub(_escape, text.replace("\t", " "))


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


def json_plain(text: str) -> str:
    """JSON text with such characters in strings as JSON escapes.

    Characters that standard output cannot show are escaped too. Line feeds stay: in JSON text
    they only ever stand between tokens.
    """
    if text.isascii() and "\x7f" not in text and "\r" not in text:
        return text  # as most is: JSON has no other control characters, but for tabs
    text = _HARMFUL.sub(lambda found: _json_escape(found.group()), text)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        import json  # for terminals of another age

        return _NOT_ASCII.sub(lambda found: json.dumps(found.group())[1:-1], text)
    return text


def _json_escape(char: str) -> str:
    return char if char == "\n" else f"\\u{ord(char):04x}"


@lru_cache(maxsize=4096)
def colour_of(runtime_id: str) -> int:
    """The colour of a runtime: the same everywhere and always."""
    return _PALETTE[crc32(runtime_id.encode(errors="surrogatepass"), _CRC_START) % len(_PALETTE)]


def is_terminal() -> bool:
    return sys.stdout.isatty()


def has_colour() -> bool:
    """NO_COLOR switches colours off, FORCE_COLOR on; otherwise only a terminal has them."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal() and os.environ.get("TERM") != "dumb"


def width() -> int | None:
    """Columns of the terminal; None when standard output is something else."""
    return shutil.get_terminal_size().columns if is_terminal() else None


class LineWriter:
    """Writes lines of styled segments to standard output.

    With `cut`, a line is cut at the right edge of a terminal; elsewhere it never is. Flushes
    only when asked: a caller that follows a session flushes after each event.
    """

    def __init__(self, *, cut: bool = True, searched: re.Pattern[str] | None = None) -> None:
        """`searched` is a pattern whose matches are highlighted where there are colours."""
        self._colour = has_colour()
        self._searched = searched if self._colour else None
        self._cut = cut and is_terminal()

    def line(self, segments: Sequence[Segment]) -> None:
        if not (self._colour or self._cut):  # in one piece, in a third of the time
            whole = "".join(part if isinstance(part, str) else part[0] for part in segments)
            sys.stdout.write(plain(whole).rstrip(" ") + "\n")
            return
        pieces = [(part, None) if isinstance(part, str) else part for part in segments]
        pieces = [(plain(text), style) for text, style in pieces]
        if self._cut:
            columns = shutil.get_terminal_size().columns  # each time, as it may be resized
            pieces = cut(pieces, columns)
        if self._searched is not None:
            from projections.cli.terminal.highlight import highlighted

            pieces = highlighted(pieces, self._searched)
        text = "".join(self._painted(text, style) for text, style in pieces)
        sys.stdout.write(text.rstrip(" ") + "\n")

    def raw(self, text: str) -> None:
        """Write a text that is safe already."""
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()

    def _painted(self, text: str, style: Style) -> str:
        return paint(text, style) if self._colour else text


def paint(text: str, style: Style) -> str:
    """`text` with the escape sequences of a style around it."""
    if style is None or not text:
        return text
    code = f"38;5;{style}" if isinstance(style, int) else _SGR[style]
    return f"\x1b[{code}m{text}\x1b[0m"


def cut(pieces: list[Piece], columns: int, mark: str = "…") -> list[Piece]:
    """As much of a line as fits, with a mark at the end if it is cut."""
    from rich.cells import cell_len, set_cell_size

    if sum(cell_len(text) for text, _ in pieces) <= columns:
        return pieces
    kept: list[Piece] = []
    left = columns - len(mark)
    for text, style in pieces:
        size = cell_len(text)
        if size > left:
            kept.append((set_cell_size(text, left).rstrip() + mark, style))
            break
        kept.append((text, style))
        left -= size
    return kept


def notice(text: str) -> None:
    """Print a line on standard error, where it is not taken for data."""
    sys.stderr.write(f"journal: {plain(text)}\n")
    sys.stderr.flush()
