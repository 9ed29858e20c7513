"""Prints the findings of many audits: as documents, or a line each with its session."""

from collections.abc import Iterable

import click
from msgspec.structs import asdict

from journal.errors import NotFoundError
from projections.cli.documents.handoffs import AuditedSession, AuditFindingItem, AuditsDocument
from projections.cli.documents.json_output import json_document, json_line
from projections.cli.handoffs.audits import Audits
from projections.cli.handoffs.findings import STYLES, marks, wrapped
from projections.cli.lanes import Glyphs
from projections.cli.terminal.output import LineWriter, is_terminal, notice, width
from projections.handoffs.findings import AuditFinding


def show_audits(
    audits: Audits, sessions: Iterable[AuditedSession], output: str, glyphs: Glyphs
) -> None:
    """Print them as they come, then exit with what they amount to."""
    if output == "json":
        items = list(sessions)
        document = AuditsDocument(ok=_all_ok(items), sessions=items)
        click.echo(json_document(document), nl=False)
    elif output == "jsonl":
        for session in sessions:
            for finding in session.findings:
                click.echo(json_line(_line(session, finding)), nl=False)
    else:
        lines = FindingLines(glyphs)
        for session in sessions:
            lines.print(session)
    unknown = audits.unknown_names()
    if unknown and not audits.left_out:
        raise NotFoundError(unknown)
    if unknown:
        notice(f"{unknown}; sessions that have not changed since then were not looked at")
    if output not in ("json", "jsonl"):
        notice(audits.conclusion())
    if audits.code:
        raise click.exceptions.Exit(audits.code)


def _line(session: AuditedSession, finding: AuditFinding) -> AuditFindingItem:
    return AuditFindingItem(session_id=session.session_id, **asdict(finding))


def _all_ok(items: Iterable[AuditedSession]) -> bool | None:
    verdicts = {item.ok for item in items}
    if False in verdicts:
        return False
    return None if None in verdicts else True


class FindingLines:
    """Prints the faults of each session, and what cannot be told, but no remarks.

    On a terminal each session with findings is a heading, and long lines are wrapped below it.
    Elsewhere each line begins with its session, as other programs that search in many files do:
    `journal handoffs --all | grep turn-90` says where.
    """

    def __init__(self, glyphs: Glyphs) -> None:
        self._marks = marks(glyphs)
        self._writer = LineWriter(cut=False)
        self._columns = width()
        self._has_headings = is_terminal()

    def print(self, session: AuditedSession) -> None:
        findings = [each for each in session.findings if each.severity != "remark"]
        if self._has_headings and findings:
            self._writer.line([(session.session_id, "bold")])
        for finding in findings:
            self._finding(session.session_id, finding)
        self._writer.flush()

    def _finding(self, session_id: str, finding: AuditFinding) -> None:
        mark, style = self._marks[finding.severity], STYLES[finding.severity]
        text = finding.text + _more(finding)
        if not self._has_headings:
            self._writer.line([f"{session_id}: {mark} {text}"])
            return
        for number, line in enumerate(wrapped(text, self._columns, len(mark) + 3)):
            head = f"  {' ' * len(mark) if number else mark} "
            self._writer.line([(head + line, style)])


def _more(finding: AuditFinding) -> str:
    count = _consequences(finding)
    return f" (and {count} more that follow{'s' * (count == 1)} from it)" if count else ""


def _consequences(finding: AuditFinding) -> int:
    return sum(1 + _consequences(each) for each in finding.consequences)
