"""Runs a command for each event: `journal tail --exec`.

The event's JSON is on the command's standard input, and its ids are in the environment. No shell
reads the command, and nothing of an event is ever part of it: whoever writes events must not be
able to say what runs here.
"""

import os
import shlex
import shutil
import subprocess

import click

from journal.events import Cursor, Event
from projections.cli.documents.events import event_item
from projections.cli.documents.json_output import json_line
from projections.cli.exit_codes import EXIT_FAILURE
from projections.cli.lines.effects import Effect, Effects
from projections.cli.terminal.output import notice

_LONGEST = 1 << 16  # characters of a variable; the system takes no more than twice as many bytes


class EventCommand:
    """Runs one command for one event after the other; in place of an `EventPrinter`."""

    def __init__(
        self, words: list[str], folder: str, effects: Effects | None, *, stops: bool
    ) -> None:
        """`stops` ends everything where the command fails, with exit code 1."""
        self._words = words
        self._folder = folder
        self._stops = stops
        self.effects = effects

    def print(self, session_id: str, log_id: str, event: Event, effect: Effect) -> None:
        """Run it and wait until it has ended."""
        text = json_line(event_item(session_id, log_id, event, effect.lost))
        variables = _variables(session_id, log_id, event, self._folder)
        try:
            done = subprocess.run(  # noqa: S603 - the user's own command, which no shell reads
                self._words, input=text.encode(), env={**os.environ, **variables}, check=False
            )
            why = _why_failed(done.returncode)
        except OSError as error:
            why = f"cannot be run: {error.strerror}"
        if why is not None:
            notice(f"session {session_id!r}, event {event.seq}: {self._words[0]} {why}")
            if self._stops:
                raise click.exceptions.Exit(EXIT_FAILURE)

    def flush(self) -> None:
        """The command has written what it writes."""


def words_of(command: str) -> list[str]:
    """The words of a command, as a shell would split them. Raises click.UsageError."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise click.UsageError(f"--exec {command!r}: {error}") from None
    if not words:
        raise click.UsageError("--exec is empty; name the command to run")
    if shutil.which(words[0]) is None:
        raise click.UsageError(
            f"--exec: there is no command {words[0]!r}; it is run without a shell: for pipes and "
            "the like write sh -c '…'"
        )
    return words


def _why_failed(code: int) -> str | None:
    if code == 0:
        return None
    return f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"


def _variables(session_id: str, log_id: str, event: Event, folder: str) -> dict[str, str]:
    """Ids and the like, but for what no variable can hold; the JSON has all."""
    found = {
        "JOURNAL_DIR": folder,
        "JOURNAL_SESSION_ID": session_id,
        "JOURNAL_RUNTIME_ID": event.runtime_id,
        "JOURNAL_TURN_ID": event.turn_id,
        "JOURNAL_OP": event.op,
        "JOURNAL_SEQ": str(event.seq),
        "JOURNAL_CURSOR": str(Cursor.at(log_id, event.seq, event.hash)),
    }
    return {
        name: value if value is not None and "\0" not in value and len(value) <= _LONGEST else ""
        for name, value in found.items()
    }
