"""A row of the drawing, before its layout."""

from msgspec import Struct

from projections.cli.terminal.output import Style
from projections.cli.terminal.texts import joined


class Row(Struct, kw_only=True):
    """What happened at one moment in one lane, or from one lane to another.

    `first` and `last` are seqs, 0 for a remark on the event below or above. `name` is an id; it
    is cut when room is short. `note` says what is the matter with it. `owner` is the lane that
    has the session, -1 if none. `to` is the lane that an arrow leads to; `line` is the character
    of the arrow. A row with `across` goes through all lanes. `writes` and `handoffs` are the
    numbers of events that it stands for.
    """

    lane: int = 0
    mark: str = ""
    name: str = ""
    note: str = ""
    timing: str = ""
    style: Style = None
    first: int = 0
    last: int = 0
    ts: str = ""
    owner: int = -1
    to: int | None = None
    line: str = ""
    writes: int = 0
    handoffs: int = 0
    across: bool = False
    waits: bool = False

    def key(self) -> tuple[object, ...]:
        """Equal for rows that differ only in when and how often."""
        return (self.lane, self.mark, self.name, self.note, self.to, self.line, self.across)

    def text(self, times: str) -> tuple[str, str]:
        """The name, and the text after it; `times` is the sign before a number of writes."""
        count = f"{times}{self.writes:,}" if self.writes > 1 else ""
        return self.name, joined(count, self.note + self.timing)

    @property
    def seqs(self) -> str:
        """`7` or `7-12`; empty for a remark."""
        if not self.first:
            return ""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    @property
    def is_calm(self) -> bool:
        return self.style in (None, "dim") and not self.waits
