"""What a verification of a session found, as an item of a document and in words."""

from msgspec.structs import asdict

from journal.reports import VerifyReport
from projections.cli.documents.sessions import ProblemItem, VerifyItem
from projections.cli.terminal.folding import print_folded
from projections.cli.terminal.output import LineWriter, Segment


def verify_item(report: VerifyReport) -> VerifyItem:
    return VerifyItem(
        session_id=report.session_id,
        ok=report.ok,
        head=str(report.head) if report.head is not None else None,
        events=report.events,
        archived_events=report.archived_events,
        erased=report.erased,
        relinked=report.relinked,
        problems=[ProblemItem(**asdict(problem)) for problem in report.problems],
        encrypted=report.encrypted,
    )


def _fault(report: VerifyReport) -> str:
    """In one word. A file that cannot be read is not necessarily damaged."""
    if all(problem.kind == "not-a-file" for problem in report.problems):
        return "LEFT OUT"
    unreadable = all(problem.kind == "unreadable" for problem in report.problems)
    return "UNREADABLE" if unreadable else "DAMAGED"


def _advice(report: VerifyReport) -> str:
    """Without the head, `journal doctor` cannot see a problem that only the head shows."""
    if all(problem.kind == "head" for problem in report.problems):
        return "check the head that you gave; if it is right, compare the log with a backup"
    return "`journal doctor` says what to do"


def print_report(report: VerifyReport) -> None:
    writer = LineWriter(cut=False)
    verdict = ("intact", "green") if report.ok else (_fault(report), "red")
    events = f"{report.events} event{'s' * (report.events != 1)}"
    archived = f", {report.archived_events} archived" if report.archived_events else ""
    states = f"{report.erased} state{'s' * (report.erased != 1)} erased"
    erased = f", {states}" if report.erased else ""
    if report.relinked:
        lines = f"{report.relinked} line{'s' * (report.relinked != 1)}"
        erased += f", {lines} after an erasure begin{'s' * (report.relinked == 1)} a new chain"
    head = f"head {report.head}" if report.head is not None else ""
    result: list[Segment] = [verdict, f"  {events}{archived}{erased}"]
    print_folded(writer, [(report.session_id, "bold")], result, [(head, "dim")])
    for key_id, count in report.encrypted.items():
        states = f"{count} state{'s' * (count != 1)}"
        writer.line([(f"    {states} encrypted with the key {key_id}", "dim")])
    for problem in report.problems:
        writer.line([("  " + problem.kind, "red"), f"  {problem.reason}"])
        writer.line([(f"    {problem.location}", "dim")])
    if not report.ok:
        writer.line([(f"    {_advice(report)}", "dim")])
    writer.flush()
