"""`journal handoffs`: shows who had the session when, and what was handed over or lost."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from msgspec import Raw

from journal.ciphertext import naming
from journal.events import Event, Origin, Set
from journal.past import Past
from projections.cli.arguments.choice_options import choice_options
from projections.cli.arguments.ids import sessions_argument
from projections.cli.arguments.options import folder_option, output_option
from projections.cli.documents.handoffs import HandoffsDocument
from projections.cli.documents.json_output import json_document
from projections.cli.documents.sessions import origin_item
from projections.cli.exit_codes import EXIT_FAILURE
from projections.cli.handoffs.audits import Audits, Wanted
from projections.cli.handoffs.drawing import glyphs_of_output, print_lanes
from projections.cli.handoffs.findings import print_findings
from projections.cli.handoffs.lines import show_audits
from projections.cli.handoffs.table import print_table
from projections.cli.lanes import Glyphs
from projections.cli.sessions.last_session import last_session_in
from projections.cli.sessions.opening import opened, past_of, require_log
from projections.cli.terminal.output import notice
from projections.cli.terminal.pager import page_output
from projections.cli.terminal.progress import Progress
from projections.handoffs.audit import audit
from projections.handoffs.findings import HandoffAudit
from projections.writers import Writers

_NO_STATE = Raw(b"null")


@click.command()
@sessions_argument
@click.option("--all", "everything", is_flag=True, help="All sessions of the folder.")
@choice_options("about", "about events ")
@output_option("all", "lanes", "table", "findings", "json", "jsonl")
@folder_option
def handoffs_command(
    session_ids: tuple[str, ...], everything: bool, output: str, folder: str | None, **choice: Any
) -> None:
    """Show who had the session when, and what was lost.

    First comes a drawing with a lane for each runtime, then a table of the changes from one
    runtime to another, then the findings in words; -o lanes, table or findings gives one of
    these. Of several sessions, of --all, or of the findings that -S, -U, -u and -t choose,
    there is a line for each fault and for what cannot be told; -o json has remarks too.

    A fault is a turn that two runtimes ran without a handoff in between, a takeover or write
    without a handoff, a write by a runtime after it handed off, a tool call that was open at
    a change and that nobody finished, or an open turn whose writer has ended. A handoff that
    still waits is not a fault, nor are turns that run side by side for another one.

    A tool call is one that a turn names, in the form of any common SDK. It is finished once a
    state shows its result, or a final status of the call or of its turn; projections/README.md
    has the exact rules. Where that cannot be told, the findings say so with a question mark.

    Exit code 0 when there is no fault, 1 when there is one or that cannot be told, 3 when
    there is no such session, runtime or turn, 4 when a session is damaged: the others are
    audited all the same.

    Without SESSION, the one that changed last is shown.

    \b
    Examples:
      journal handoffs my-session
      journal handoffs my-session -o json | jq '.ok, .findings[].text'
      journal handoffs --all -S today
      journal handoffs my-session -u native,harness -t turn-3
    """
    if session_ids and everything:
        raise click.UsageError("give either sessions or --all")
    if not session_ids and not everything:
        session_ids = (last_session_in(folder),)
    wanted = Wanted(**choice)
    if len(session_ids) == 1 and not wanted and output != "jsonl":
        _show_one(session_ids[0], output, folder)
        return
    if output in ("lanes", "table"):
        raise click.UsageError(
            f"-o {output} shows the whole of one session: name it, without -S, -U, -u and -t"
        )
    if len(session_ids) != 1 and any(
        isinstance(each, int) for each in (wanted.since, wanted.until)
    ):
        raise click.UsageError(
            "a seq is a place in one session; of several, give a time, such as 5m or yesterday"
        )
    page_output()
    progress = Progress()
    with opened(folder, storage=progress, reading=True) as store:
        audits = Audits(store, wanted, progress)
        sessions = audits.of_all() if everything else audits.of_named(session_ids)
        show_audits(audits, sessions, output, glyphs_of_output())


def _show_one(session_id: str, output: str, folder: str | None) -> None:
    """All that is known of one session. Exits with 1 for a fault, or what cannot be told."""
    page_output()
    with opened(folder, reading=True) as store:
        require_log(store, session_id)
        past = past_of(store, session_id)
        with naming(session_id):
            found, events = _audited(past)
        origin = store.origin(session_id)
    _notice_gaps(past)
    if output == "json":
        click.echo(json_document(_document(session_id, past, found, origin)), nl=False)
    else:
        _print(found, events, output, origin)
    if found.ok is not True:
        raise click.exceptions.Exit(EXIT_FAILURE)


def _audited(past: Past) -> tuple[HandoffAudit, list[Event]]:
    """The audit, and its events without their states.

    Both come from one reading: an event that is appended meanwhile is in both or in neither.
    """
    events: list[Event] = []

    def watched() -> Iterator[Event]:
        for entry in past.in_order():
            event = entry.event
            stateless = isinstance(event, Set)
            events.append(msgspec.structs.replace(event, state=_NO_STATE) if stateless else event)
            yield event

    return audit(watched(), Writers().is_gone, datetime.now(UTC)), events


def _notice_gaps(past: Past) -> None:
    if past.floor:
        notice(f"{past.why_short}; of the events up to there, the audit knows only those kept")
    if past.problems:
        notice(
            "the history is damaged, `journal verify` lists where; the audit knows only the "
            "events that could be read"
        )


def _document(
    session_id: str, past: Past, found: HandoffAudit, origin: Origin | None
) -> HandoffsDocument:
    return HandoffsDocument(
        session_id=session_id,
        floor=past.floor,
        ok=found.ok,
        forked_from=origin_item(origin),
        **msgspec.structs.asdict(found),
    )


def _print(found: HandoffAudit, events: list[Event], output: str, origin: Origin | None) -> None:
    glyphs = glyphs_of_output()
    parts: dict[str, Callable[[], None]] = {
        "lanes": lambda: print_lanes(found, events, glyphs, origin),
        "table": lambda: _print_changes(found, glyphs),
        "findings": lambda: print_findings(found, glyphs),
    }
    if output != "all":
        parts = {output: parts[output]}
    elif not found.changes:
        del parts["table"]
    for number, part in enumerate(parts.values()):
        if number:
            click.echo()
        part()


def _print_changes(found: HandoffAudit, glyphs: Glyphs) -> None:
    if found.changes:
        print_table(found.changes, glyphs)
    else:
        notice("no change of runtime")
