"""Tables in columns: on a terminal as wide as it is, elsewhere as wide as their content."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from projections.cli.terminal import Segment, Style, has_colour, plain, width

if TYPE_CHECKING:
    from rich.text import Text

_UNLIMITED = 100_000
_STYLES = {"red": "bold red"}


class Table:
    """Rows under headings; a heading that ends in `>` is of a column of numbers.

    The first column is never cut, the others share what is left of a terminal's width.
    """

    def __init__(self, *headings: str) -> None:
        self._headings = headings
        self.rows: list[Sequence[Segment | list[Segment]]] = []

    def row(self, *cells: Segment | list[Segment]) -> None:
        """A cell is a text, a styled one, or several of them."""
        self.rows.append(cells)

    def print(self) -> None:
        """On a terminal, what does not fit a column is cut with an ellipsis."""
        click.echo(self.render(), nl=False, color=True)

    def render(self) -> str:
        from rich.console import Console
        from rich.table import Table as RichTable

        table = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for number, heading in enumerate(self._headings):
            table.add_column(
                heading.removesuffix(">"),
                justify="right" if heading.endswith(">") else "left",
                no_wrap=True,
                overflow="ellipsis" if number else "fold",
            )
        for row in self.rows:
            table.add_row(*map(_text, row))
        console = Console(
            width=width() or _UNLIMITED,
            force_terminal=has_colour(),
            no_color=not has_colour(),
            color_system="256" if has_colour() else None,
            highlight=False,
        )
        with console.capture() as capture:
            console.print(table)
        return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def _text(cell: Segment | list[Segment]) -> "Text":
    from rich.text import Text

    text = Text()
    for piece in cell if isinstance(cell, list) else [cell]:
        part, style = (piece, None) if isinstance(piece, str) else piece
        text.append(plain(part), _rich_style(style))
    return text


def _rich_style(style: Style) -> str:
    if style is None:
        return ""
    return f"color({style})" if isinstance(style, int) else _STYLES.get(style, style)
