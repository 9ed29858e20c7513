"""What the drawing is made of."""

from typing import NamedTuple


class Glyphs(NamedTuple):
    """Each is one column wide, but for the arrow between names."""

    has: str = "┃"
    idle: str = "┊"
    write: str = "●"
    takes: str = "◆"
    clear: str = "✕"
    lost: str = "✗"
    more: str = "⋮"
    right: str = "▶"
    left: str = "◀"
    solid: str = "─"
    dashed: str = "╌"
    heavy: str = "━"
    cut: str = "…"
    times: str = "×"
    arrow: str = "→"


UNICODE = Glyphs()
ASCII = Glyphs(
    has="|",
    idle=":",
    write="o",
    takes="*",
    clear="x",
    lost="!",
    more="~",
    right=">",
    left="<",
    solid="-",
    dashed=".",
    heavy="=",
    cut="~",
    times="x",
    arrow="->",
)
