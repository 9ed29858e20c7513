"""`journal tail`: the events of many sessions as they come, also of those not there yet."""

from typing import Any, NamedTuple

import click

from projections.cli.arguments.choice_options import filter_options
from projections.cli.arguments.filters import (
    chosen_by,
    is_condition,
    not_a_condition,
)
from projections.cli.arguments.ids import followed_argument
from projections.cli.arguments.options import TEXT, folder_option, output_option
from projections.cli.arguments.patterns import escaped, is_pattern
from projections.cli.events.awaiting import notice_awaited
from projections.cli.events.cursors import CursorFile
from projections.cli.events.executing import EventCommand, words_of
from projections.cli.events.last_events import last_events
from projections.cli.events.live import SAVE_EVERY, Shows, follow_on
from projections.cli.lines.printing import EventPrinter
from projections.cli.names.filter_names import ChosenNames
from projections.cli.sessions.opening import has_session, opened
from projections.store.store import DefaultSessionStore

_DEFAULT_LINES = 10
_INVERTED = ("runtimes", "turns", "events", "pattern")  # options that -v turns round


@click.command()
@followed_argument
@filter_options
@click.option(
    "--cursor-file",
    type=click.Path(dir_okay=False),
    help="Start after the cursors in this file, and keep the new ones there.",
)
@click.option(
    "--after-cursor", "after", metavar="CURSOR", help="Start after this, in one session."
)
@click.option(
    "--exec", "command", metavar="CMD", type=TEXT, help="Run this for each event instead."
)
@click.option("--stop-on-failure", is_flag=True, help="End when CMD fails, with exit code 1.")
@output_option("short", "diff", "jsonl", "pretty")
@folder_option
def tail_command(
    session_ids: tuple[str, ...],
    after: str | None,
    cursor_file: str | None,
    command: str | None,
    stop_on_failure: bool,
    output: str,
    folder: str | None,
    lines: int | None,
    invert: bool,
    **choice: Any,
) -> None:
    """Follow many sessions at once.

    If none is named, follows all sessions of the folder, new ones included. Waits for a
    session that is not there yet, and for the folder. Shows the last 10 events first, or as
    many as -n says. FIELD=VALUE is as in `journal log`. In a pattern, * stands for any
    characters, ? for one, [ab] for one of these; a session of that very name wins. If only
    sessions are given, -v follows all others. Exit code 5 says that the log of a named
    session does not have the event of its cursor, for example after a restore; the message
    has the cursor to go on from.

    With --exec, CMD is run for one event after the other, without a shell: the event is on
    its standard input as a line of JSON, and JOURNAL_SESSION_ID, JOURNAL_RUNTIME_ID,
    JOURNAL_TURN_ID, JOURNAL_OP, JOURNAL_SEQ, JOURNAL_CURSOR and JOURNAL_DIR are set. Only new
    events count then, unless -n says more. With a cursor file, each is run for at least once.

    \b
    Examples:
      journal tail
      journal tail session-a session-b -u native
      journal tail 'session-*' -e handoff
      journal tail state.status=error
      journal tail -v -g heartbeat
      journal tail -e handoff -o jsonl | jq .reason
      journal tail -n 1 status=error --exec 'jq .state'
    """
    if stop_on_failure and command is None:
        raise click.UsageError("--stop-on-failure goes with --exec")
    words = words_of(command) if command is not None else None
    with opened(folder, awaited=True, reading=True) as store:
        asked = _read(store, session_ids)
        is_one = len(asked.names) == 1 and not asked.patterns
        if after is not None and not is_one:
            raise click.UsageError("--after-cursor is a place in one session; name only that one")
        excludes = invert and asked.has_sessions_only and not any(map(choice.get, _INVERTED))
        names = ChosenNames(store, asked.names, choice)
        chosen = chosen_by(asked.matches, invert=invert and not excludes, **names.choice)
        file = CursorFile(cursor_file, after, single=False)
        known = file.of_all(asked.names if not asked.patterns else ())
        options: dict[str, Any] = {"after": known, "from_start": file.was_there}
        if excludes:
            tail = store.tail(excluding=[*map(escaped, asked.names), *asked.patterns], **options)
        else:
            tail = store.tail(asked.names or None, matching=asked.patterns or None, **options)
            notice_awaited(store, asked.names, asked.patterns)
        if not invert:
            names.notice()
        printer: Shows = EventPrinter(
            store,
            output if words is None else "jsonl",
            with_session=excludes or not is_one,
            searched=chosen.searched,
            needs_effects=chosen.needs_effects,
        )
        if words is not None:
            where = store.session_dir or ""
            printer = EventCommand(words, where, printer.effects, stops=stop_on_failure)
        if not file.was_there:
            wanted = (_DEFAULT_LINES if words is None else 0) if lines is None else lines
            last = last_events(store, tail.cursors, printer.effects, chosen, wanted)
            file.save_start(tail.cursors, [(each.session_id, each.event) for each in last])
            for each in last:
                printer.print(each.session_id, each.log_id, each.event, each.effect)
            printer.flush()
        follow_on(tail, printer, chosen, file, SAVE_EVERY if words is None else 0.0)


class _Asked(NamedTuple):
    """What the arguments are: ids, patterns of ids, and conditions."""

    names: list[str]
    patterns: list[str]
    matches: list[str]

    @property
    def has_sessions_only(self) -> bool:
        return bool(self.names or self.patterns) and not self.matches


def _read(store: DefaultSessionStore, texts: tuple[str, ...]) -> _Asked:
    """What each argument is. A session that is there of that very name wins.

    Raises click.UsageError for what looks like a condition on a field that no event has.
    """
    asked = _Asked([], [], [])
    for text in texts:
        is_odd = is_pattern(text) or "=" in text
        if not is_odd or has_session(store, text):
            asked.names.append(text)
        elif is_condition(text):
            asked.matches.append(text)
        elif is_pattern(text):
            asked.patterns.append(text)
        else:
            raise click.UsageError(f"there is no session {text!r}, and {not_a_condition(text)}")
    return asked
