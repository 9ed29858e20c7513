"""Where a log ends, for a writer that has not read all of it."""

from msgspec import Struct

from journal.events import Head, Open


class Tip(Struct):
    """What an append needs to know of a log, under the names that a `Scanner` has for it.

    `end` is where the last line ends and `line_hash` its hash; `seq` and `hash` are those of the
    newest event, which the last line is unless nothing came after what compaction has kept.
    """

    header: Open
    end: int
    seq: int
    hash: str
    line_hash: str

    @property
    def head(self) -> Head:
        return Head(self.header.log_id, self.seq, self.hash)

    @property
    def is_empty(self) -> bool:
        return False

    @property
    def is_unended(self) -> bool:
        return False  # a log whose last line lacks its newline is read

    @property
    def padding(self) -> int:
        return 0  # and so is one that ends in blank lines

    def advance(self, seq: int, digest: str, _events: int, end: int) -> None:
        """As `Scanner.advance`, which also counts events."""
        self.seq = seq
        self.hash = self.line_hash = digest
        self.end = end
