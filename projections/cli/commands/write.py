"""`journal set`, `head`, `clear`, `handoff` and `takeover`: for scripts and for repairs."""

import sys
from typing import Any

import click
import msgspec

from journal.codec import default_writer
from journal.events import Head
from projections.cli.arguments.ids import (
    complete_runtimes,
    runtime_argument,
    session_argument,
    some_runtime_argument,
    turn_argument,
)
from projections.cli.arguments.options import TEXT, folder_option, output_option
from projections.cli.documents.json_output import json_document
from projections.cli.documents.states import TakeoverDocument
from projections.cli.names.naming import in_words, instead_of
from projections.cli.sessions.opening import opened, require_session
from projections.cli.terminal.asking import can_ask, require_yes, yes_option
from projections.cli.terminal.output import notice

_MOST_NAMED = 3  # runtimes


@click.command()
@session_argument
@runtime_argument
@turn_argument
@click.argument("state", metavar="[STATE]", required=False)
@click.option(
    "--once", "key", metavar="KEY", type=TEXT, help="Do nothing if KEY was used in it before."
)
@click.option("--expect", metavar="HEAD", help="Fail if anybody has written since that head.")
@folder_option
def set_command(
    session_id: str,
    runtime_id: str,
    turn_id: str,
    state: str | None,
    key: str | None,
    expect: str | None,
    folder: str | None,
) -> None:
    """Save a turn's state.

    STATE is a JSON object: as an argument, in a file with @FILE, or on standard input if it
    is left out or `-`. Returns when the state is safe on the disk; makes the session if need
    be. With --once it can be run again: a key is remembered as long as its event is in the log,
    and for 10,000 events at least. With --expect, exit code 1 if the session has changed since
    `journal head`; nothing is written then.

    \b
    Examples:
      journal set my-session native turn-3 '{"status": "completed"}'
      journal set my-session native turn-3 @state.json
      jq .turn dump.json | journal set my-session native turn-3
      journal set my-session native turn-3 @state.json --once "$JOB_ID"
      H=$(journal head trip); journal set trip native t @state.json --expect $H
    """
    head = _head(expect)
    if key is not None and head is not None:
        raise click.UsageError("--once and --expect exclude each other")
    value = _state(state)
    # This process ends now, which says nothing of the turn: so it is not the turn's `host:pid`.
    with opened(folder, create=True, writer=f"{default_writer()}/journal") as store:
        if key is None:
            store.set_runtime_state(session_id, runtime_id, turn_id, value, expect=head)
        elif not store.append_once(key, session_id, runtime_id, turn_id, value):
            notice(f"nothing was written: {key!r} was used in session {session_id!r} before")


def _head(text: str | None) -> Head | None:
    try:
        return Head.parse(text) if text is not None else None
    except ValueError as error:
        raise click.UsageError(f"--expect: {error}") from None


@click.command()
@session_argument
@folder_option
def head_command(session_id: str, folder: str | None) -> None:
    """Print a session's head: what `set --expect` and `verify` take.

    The head is the newest event, as `log_id:seq:hash`; it changes with everything that anybody
    writes. Its seq is 0 if there is no log. `journal verify --head` shows whether anything was
    cut off since.

    \b
    Example:
      journal head my-session
    """
    with opened(folder) as store:
        click.echo(store.head(session_id))


def _state(given: str | None) -> dict[str, Any]:
    """The JSON object that was given. Raises click.UsageError and OSError."""
    if given is None or given == "-":
        where, data = "standard input", sys.stdin.buffer.read()
    elif given.startswith("@"):
        where = given[1:]
        with open(where, "rb") as file:
            data = file.read()
    else:
        where, data = "STATE", given.encode(errors="surrogateescape")
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{where} is not JSON: {error}") from None
    except RecursionError:
        raise click.UsageError(f"{where} is nested too deeply") from None
    if not isinstance(value, dict):
        raise click.UsageError(f'{where} must be a JSON object, such as {{"status": "open"}}')
    return value


@click.command()
@session_argument
@some_runtime_argument
@yes_option
@folder_option
def clear_command(session_id: str, runtime_id: str | None, yes: bool, folder: str | None) -> None:
    """Drop a runtime's state, or all of it.

    The history of what was there stays in the log: `journal show --at` still finds it. At a
    terminal, asks first; exit code 1 when the answer is no. In a pipe it never asks.

    \b
    Examples:
      journal clear my-session harness
      journal clear my-session --yes
    """
    with opened(folder) as store:
        require_session(store, session_id)
        present = store.state_at(session_id)
        turns = _turns_to_drop(present, runtime_id)
        if turns and not yes and can_ask():
            what = f"{_turns_in_words(turns)} of session {session_id!r}"
            require_yes(f"Drop {what}? The history keeps what was there.", "nothing is dropped")
        store.clear_runtime_state(session_id, runtime_id)
    if turns:
        notice(f"dropped {_turns_in_words(turns)}; `journal show --at` still shows what was there")
    elif runtime_id is None or not present:
        notice("there was nothing to drop")
    else:
        hint = instead_of(runtime_id, present, "`journal show` lists them")
        notice(f"there was nothing to drop of runtime {runtime_id!r}; {hint}")


def _turns_to_drop(present: dict[str, dict[str, Any]], runtime_id: str | None) -> dict[str, int]:
    """How many turns each runtime has that a clear is about."""
    wanted = present if runtime_id is None else [runtime_id]
    return {runtime: len(present[runtime]) for runtime in wanted if present.get(runtime)}


def _turns_in_words(turns: dict[str, int]) -> str:
    """`3 turns of 'native' and 1 turn of 'harness'`, or `40 turns of 12 runtimes`."""
    if len(turns) > _MOST_NAMED:
        return f"{sum(turns.values()):,} turns of {len(turns):,} runtimes"
    return in_words(
        f"{count:,} turn{'s' * (count != 1)} of {runtime!r}" for runtime, count in turns.items()
    )


@click.command()
@session_argument
@click.argument("source", metavar="SOURCE", type=TEXT, shell_complete=complete_runtimes)
@click.argument("target", metavar="TARGET", type=TEXT, shell_complete=complete_runtimes)
@click.option("-t", "--turn", "turn_id", type=TEXT, help="Hand over this turn only.")
@click.option("--reason", type=TEXT, help="Why; secrets in it are replaced.")
@folder_option
def handoff_command(
    session_id: str,
    source: str,
    target: str,
    turn_id: str | None,
    reason: str | None,
    folder: str | None,
) -> None:
    """Record that a runtime gives the session to another.

    TARGET has the session once it takes over, see `journal takeover`.

    \b
    Example:
      journal handoff my-session native harness --reason "rate limited"
    """
    with opened(folder) as store:
        require_session(store, session_id)
        store.hand_off(session_id, source, target, turn_id, reason)


@click.command()
@session_argument
@runtime_argument
@output_option("json", "none")
@folder_option
def takeover_command(session_id: str, runtime_id: str, output: str, folder: str | None) -> None:
    """Record that a runtime takes the session over.

    Prints the state that it inherits, of all runtimes. Answers the latest handoff to RUNTIME
    that is still open.

    \b
    Example:
      journal takeover my-session harness | jq .state.native
    """
    with opened(folder) as store:
        require_session(store, session_id)
        state = store.take_over(session_id, runtime_id)
    if output == "json":
        document = TakeoverDocument(session_id=session_id, runtime_id=runtime_id, state=state)
        click.echo(json_document(document), nl=False)
