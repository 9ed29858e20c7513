"""Prints what `journal doctor` found."""

import os
import shutil
import textwrap
from collections.abc import Iterable

import click

from projections.cli.documents.doctor import DoctorDocument, FindingItem
from projections.cli.documents.json_output import json_document, json_line
from projections.cli.terminal.output import LineWriter, Style, is_terminal, notice
from projections.doctor import Examination, Finding, Severity
from projections.doctor.finding import shown

_ORDER: tuple[Severity, ...] = ("error", "warning", "note")
_MARKS: dict[Severity, tuple[str, Style]] = {
    "error": ("✗", "red"),
    "warning": ("!", "yellow"),
    "note": ("·", "dim"),
}
_INDENT = "  "


_UNBROKEN = "\u2007"  # stands for spaces at which a line must not be broken


def worst_first(found: Iterable[Finding]) -> list[Finding]:
    return sorted(found, key=lambda finding: _ORDER.index(finding.severity))


def print_findings(
    examination: Examination, found: list[Finding], output: str, *, quick: bool
) -> None:
    if output == "json":
        document = DoctorDocument(
            folder=shown(examination.folder),
            sessions=len(examination.stems),
            damaged=any(finding.is_damage for finding in found),
            findings=list(map(_item, found)),
        )
        click.echo(json_document(document), nl=False)
    elif output == "jsonl":
        for finding in found:
            click.echo(json_line(_item(finding)), nl=False)
    else:
        writer = LineWriter(cut=False)
        for finding in found:
            _print_block(writer, finding)
        if found:
            writer.line([_summary(found, len(examination.stems))])
        writer.flush()
    if not found:
        unread = ", as far as can be seen without reading the lines" if quick else ""
        notice(f"Nothing to do{unread}.")


def _item(finding: Finding) -> FindingItem:
    return FindingItem(
        severity=finding.severity,
        kind=finding.kind,
        session_id=finding.session_id,
        path=finding.path,
        offset=finding.offset,
        seq=finding.seq,
        what=finding.what,
        remedy=finding.remedy,
    )


def _print_block(writer: LineWriter, finding: Finding) -> None:
    """Whose, what, where, and what to do. Paths and commands are not broken, to be copied."""
    mark, style = _MARKS[finding.severity]
    whose = finding.session_id or "''"
    if finding.session_id is None:
        whose = os.path.basename(finding.path)
    writer.line([(mark, style), " ", (whose, "bold"), (f"  {finding.kind}", style)])
    is_named = finding.seq is None or f"event {finding.seq} " in f"{finding.what} "
    event = "" if is_named else f"event {finding.seq}: "
    for line in _wrapped(event + finding.what, _INDENT, _INDENT):
        writer.line([line])
    location = finding.path if finding.offset is None else f"{finding.path}:{finding.offset}"
    writer.line([(_INDENT + location, "dim")])
    for line in _wrapped(finding.remedy, f"{_INDENT}→ ", f"{_INDENT}  "):
        writer.line([line])
    writer.line([])


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    """Lines as wide as the terminal; elsewhere one line. Not broken between backticks."""
    if not is_terminal():
        return [first + text]
    parts = text.split("`")
    parts[1::2] = [part.replace(" ", _UNBROKEN) for part in parts[1::2]]
    lines = textwrap.wrap(
        "`".join(parts),
        width=shutil.get_terminal_size().columns,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_UNBROKEN, " ") for line in lines]


def _summary(found: list[Finding], sessions: int) -> str:
    counts = [
        (sum(finding.severity == severity for finding in found), severity) for severity in _ORDER
    ]
    parts = [f"{count} {name}{'s' * (count != 1)}" for count, name in counts if count]
    where = f"{sessions} session{'s' * (sessions != 1)}"
    return f"{', '.join(parts)} in {where}."
