"""The findings of `journal handoffs`, as the audit words them, with what follows from each."""

from collections.abc import Iterable, Iterator

from projections.cli.lanes import Glyphs
from projections.cli.terminal.output import LineWriter, Style, plain, width
from projections.handoffs.findings import AuditFinding, HandoffAudit, Severity

_MOST_REMARKS = 10  # of one kind
STYLES: dict[Severity, Style] = {"fault": "red", "unknown": "yellow", "remark": None}
_VERDICTS: dict[bool | None, tuple[str, Style]] = {
    True: ("Nothing was lost.", "green"),
    None: ("No fault is known, but whether anything was lost cannot be told.", "yellow"),
}


def marks(glyphs: Glyphs) -> dict[Severity, str]:
    """What stands before a finding."""
    return {"fault": glyphs.lost, "unknown": "?", "remark": "-"}


def print_findings(audit: HandoffAudit, glyphs: Glyphs) -> None:
    """Print a sentence for each finding, and beneath it what follows from it.

    Sentences are wrapped to the width of a terminal, never cut.
    """
    mark_of = marks(glyphs)
    printer = _Printer()
    for finding, left_out in _without_many_remarks(audit.findings):
        if left_out:
            printer.sentence("-", f"and {left_out:,} more like this", "dim")
            continue
        style = STYLES[finding.severity]
        printer.sentence(mark_of[finding.severity], finding.text, style)
        _print_consequences(printer, finding, 1)
    if audit.ok is not False:
        printer.sentence("-", *_VERDICTS[audit.ok])


def _print_consequences(printer: "_Printer", finding: AuditFinding, depth: int) -> None:
    for each in finding.consequences:
        printer.sentence("  " * depth + "-", each.text, None)
        _print_consequences(printer, each, depth + 1)


def _without_many_remarks(findings: Iterable[AuditFinding]) -> Iterator[tuple[AuditFinding, int]]:
    """The findings with 0, but of many remarks of a kind the last one for how many more."""
    remarks: dict[str, list[AuditFinding]] = {}
    for finding in findings:
        if finding.severity == "remark":
            remarks.setdefault(finding.kind, []).append(finding)
        else:
            yield finding, 0
    for known in remarks.values():
        for finding in known[:_MOST_REMARKS]:
            yield finding, 0
        if len(known) > _MOST_REMARKS:
            yield known[-1], len(known) - _MOST_REMARKS


class _Printer:
    def __init__(self) -> None:
        self._columns = width()
        self._writer = LineWriter(cut=False)

    def sentence(self, mark: str, text: str, style: Style) -> None:
        """Print a text after its mark; lines after the first one are indented."""
        indent = len(mark) + 1
        for number, line in enumerate(wrapped(text, self._columns, indent)):
            self._writer.line([(f"{' ' * len(mark) if number else mark} {line}", style)])


def wrapped(text: str, columns: int | None, indent: int) -> list[str]:
    """The text in lines that fit a terminal of so many columns after their indent."""
    if columns is None:
        return [text]
    from rich.console import Console
    from rich.text import Text

    lines = Text(plain(text)).wrap(Console(width=columns), max(columns - indent, 1))
    return [line.plain.rstrip() for line in lines]
