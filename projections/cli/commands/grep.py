"""`journal grep`: the events in which a pattern matches, in all sessions of a folder."""

from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

import click

from journal.engines.files.storage import DiskStorage
from journal.errors import JournalError
from projections.cli.arguments.choice_options import choice_options, event_option
from projections.cli.arguments.filters import chosen_by
from projections.cli.arguments.ids import sessions_argument
from projections.cli.arguments.options import TEXT, folder_option, output_option
from projections.cli.documents.json_output import json_document, json_line
from projections.cli.documents.search import FoundCount, FoundItem, GrepDocument, found_item
from projections.cli.exit_codes import EXIT_FAILURE, exit_code_of
from projections.cli.lines.match_lines import MatchLines
from projections.cli.names.filter_names import ChosenNames
from projections.cli.sessions.opening import opened, require_session
from projections.cli.terminal.output import LineWriter, is_terminal, notice
from projections.cli.terminal.pager import page_output
from projections.search.pattern import Match, Pattern, PatternError
from projections.search.sessions import Search, SearchOptions, SessionMatch
from projections.store.store import DefaultSessionStore


@click.command()
@click.argument("pattern", type=TEXT)
@sessions_argument
@click.option("-i", "--ignore-case", is_flag=True, help="Ignore case in any pattern.")
@click.option("-F", "--fixed-strings", "fixed", is_flag=True, help="PATTERN is no expression.")
@click.option("-v", "--invert-match", "invert", is_flag=True, help="Events that do not match.")
@click.option("-c", "--count", is_flag=True, help="Only how many, session by session.")
@click.option("-l", "--list", "listed", is_flag=True, help="Only the sessions that have any.")
@click.option("-a", "--all", "repeats", is_flag=True, help="What later states repeat, too.")
@click.option("--archives", is_flag=True, help="Also what compaction has set aside.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="At most this many, the last.")
@choice_options()
@event_option
@output_option("short", "json", "jsonl")
@folder_option
def grep_command(
    pattern: str,
    session_ids: tuple[str, ...],
    ignore_case: bool,
    fixed: bool,
    invert: bool,
    count: bool,
    listed: bool,
    repeats: bool,
    archives: bool,
    lines: int | None,
    output: str,
    folder: str | None,
    **choice: Any,
) -> None:
    """Search all sessions for a pattern.

    Or only those named. PATTERN is a regular expression of Python. It is tried on each text
    that was recorded, as people know it: on the values of states, on names of fields other than
    those that all turns have, on ids and on reasons; ^ and $ are the ends of a text. If PATTERN
    is all lower case, case is ignored. The session that changed last comes last. A turn is saved
    several times: what a later state only repeats is left out, unless -a asks for it.

    Lines in which PATTERN cannot match are counted, but not checked; `journal verify` does that.
    Exit code 0 means found, 1 nothing found.

    \b
    Examples:
      journal grep 'rate.?limit'
      journal grep -l error -S today
      journal grep -F 'rate limited' my-session -u harness
      journal grep -c error -o json | jq .sessions
    """
    if count and listed:
        raise click.UsageError("-c and -l do not go together; leave one out")
    if lines is not None and (count or listed):
        raise click.UsageError("-n limits the events that are shown; with -c or -l there are none")
    try:
        wanted = Pattern(pattern, fixed=fixed, ignore_case=ignore_case)
    except PatternError as error:
        raise click.BadParameter(f"{error}; -F takes it as it is", param_hint="PATTERN") from None
    page_output()
    with opened(folder, reading=True) as store:
        sessions = _sessions(store, session_ids)
        names = ChosenNames(store, session_ids, choice)
        chosen = chosen_by(**names.choice)
        options = SearchOptions(
            chosen.by_itself if chosen else None, invert, listed, archives, repeats
        )
        search = Search(store, DiskStorage(), wanted, options)
        found: Iterable[SessionMatch] = search.matches(sessions)
        found = found if lines is None else deque(found, maxlen=lines)
        if count or listed:
            total = _print_counts(found, pattern, output, listed)
        else:
            total = _print_events(found, wanted, output)
        if not total and len(session_ids) == 1:
            names.require()
        if not total and is_terminal() and not search.failures:
            _say_none(len(sessions), archives)
    _end(total, search.failures)


def _sessions(store: DefaultSessionStore, session_ids: tuple[str, ...]) -> list[str]:
    """The named ones, or all, the one that changed last at the end."""
    for session_id in session_ids:
        require_session(store, session_id)
    known = [info["session_id"] for info in store.list_sessions() if info["log_bytes"]]
    return list(dict.fromkeys(session_ids)) or known[::-1]


def _print_events(found: Iterable[SessionMatch], pattern: Pattern, output: str) -> int:
    writer, lines, total = LineWriter(), MatchLines(), 0
    items: list[FoundItem] = []
    for match in found:
        total += 1
        session_id, log_id, event = match.session_id, match.log_id, match.event
        matches: list[Match] = pattern.all_in(event)
        if output == "short":
            writer.line(lines.line(session_id, event, matches))
            continue
        item = found_item(session_id, log_id, event, [each.place for each in matches])
        if output == "jsonl":
            writer.raw(json_line(item))
        else:
            items.append(item)
    if output == "json":
        counts = Counter(item.session_id for item in items)
        _print_document(pattern.text, items, counts)
    return total


def _print_counts(found: Iterable[SessionMatch], pattern: str, output: str, listed: bool) -> int:
    counts = Counter(match.session_id for match in found)
    writer = LineWriter(cut=False)
    if output == "json":
        _print_document(pattern, [], counts)
        return counts.total()
    for session_id, number in counts.items():
        if output == "jsonl":
            writer.raw(json_line(FoundCount(session_id=session_id, count=number)))
        else:
            writer.line([(session_id, "bold"), "" if listed else (f":{number}", "dim")])
    return counts.total()


def _print_document(pattern: str, items: list[FoundItem], counts: Counter[str]) -> None:
    sessions = [FoundCount(session_id=each, count=number) for each, number in counts.items()]
    document = GrepDocument(pattern=pattern, events=items, sessions=sessions)
    click.echo(json_document(document), nl=False)


def _say_none(sessions: int, archives: bool) -> None:
    """On a terminal, where silence may mean anything."""
    hint = "" if archives else "; --archives looks into what compaction has set aside, too"
    notice(f"nothing matches in {sessions} session{'s' * (sessions != 1)}{hint}")


def _end(total: int, failures: list[tuple[str, JournalError]]) -> None:
    """Exits with the code that says what was found."""
    for session_id, error in failures:
        notice(f"session {session_id!r} is left out: {error}")
    codes = [exit_code_of(error) for _, error in failures]
    if codes or not total:
        raise click.exceptions.Exit(max(codes, default=EXIT_FAILURE))
