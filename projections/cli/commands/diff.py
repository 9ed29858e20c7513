"""`journal diff`: shows the differences between two states."""

import click

from projections.cli.arguments.optional_session import session_and_states
from projections.cli.arguments.options import folder_option, output_option
from projections.cli.documents.json_output import json_document
from projections.cli.documents.states import DiffDocument
from projections.cli.exit_codes import EXIT_FAILURE
from projections.cli.sessions.opening import near_matches, opened, require_session
from projections.cli.terminal.pager import page_output
from projections.cli.turns.differences import print_counts, print_difference
from projections.refs import Ref


@click.command()
@session_and_states
@click.option("--stat", is_flag=True, help="Only how many values changed in each turn.")
@output_option("text", "json", "patch")
@folder_option
def diff_command(
    session_id: str, old: str, new: str | None, stat: bool, output: str, folder: str | None
) -> None:
    """Show the differences between two states.

    OLD and NEW each name a state: RUNTIME/TURN, RUNTIME, or nothing for the whole session;
    then @SEQ or @TIME for an earlier moment, or ~N for N versions back. Without NEW, OLD is
    compared with the present state; if OLD is the present state of a turn, it is compared
    with the version before. In ids write %2F for /, %40 for @.

    Of a long text that changed, only the words are marked that came and went, as
    [-old-]{+new+}; of one with many lines, the lines, as a unified diff.

    Exit code 0 when there is no difference, 1 when there is one. `-o patch` gives JSON
    Patch (RFC 6902).

    Without SESSION, the one that changed last is shown.

    \b
    Examples:
      journal diff my-session native/turn-3
      journal diff my-session native/turn-3@7 native/turn-3@12
      journal diff my-session native/turn-3 harness/turn-3
      journal diff my-session @5m --stat
    """
    if stat and output != "text":
        raise click.UsageError(f"--stat is a table for people; -o {output} has every change")
    page_output()
    with opened(folder, reading=True) as store:
        require_session(store, session_id)
        before, after = Ref.parse(old), Ref.parse(new) if new is not None else None
        with near_matches(store, session_id, before, after or before):
            found = store.diff(session_id, before, after)
    if output == "patch":
        click.echo(json_document(found.patch), nl=False)
    elif stat:
        print_counts(found, before)
    elif output == "json":
        document = DiffDocument(
            session_id=session_id, old=old, new=new, different=bool(found), patch=found.patch
        )
        click.echo(json_document(document), nl=False)
    else:
        print_difference(found)
    if found:
        raise click.exceptions.Exit(EXIT_FAILURE)
