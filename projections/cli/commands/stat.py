"""`journal stat`: shows what a session's turns took."""

import click

from journal.ciphertext import naming
from journal.past import Past
from projections.cli.arguments.optional_session import session_or_last
from projections.cli.arguments.options import folder_option, output_option
from projections.cli.documents.json_output import json_document
from projections.cli.documents.statistics import StatDocument
from projections.cli.sessions.opening import opened, past_of, require_log
from projections.cli.terminal.output import notice
from projections.cli.terminal.pager import page_output
from projections.cli.turns.stat_tables import print_statistics
from projections.resolving import events_of
from projections.statistics.counting import count


@click.command()
@session_or_last
@output_option("table", "json")
@folder_option
def stat_command(session_id: str, output: str, folder: str | None) -> None:
    """Show what a session's turns took: calls, tokens, cost and time.

    Turns are counted by their last state, per runtime and in all, and tool calls by what
    became of them. MEDIAN and LONGEST say how long they took. Cleared turns count too, and a
    turn that was set again after a clear counts again. Tokens, cost and times are there as
    far as the turns say them; CACHED are tokens that were read from a cache. Columns in
    which there is nothing are left out.

    Without SESSION, the one that changed last is shown.

    \b
    Examples:
      journal stat my-session
      journal stat my-session -o json | jq '.total.usage'
      journal stat my-session -o json | jq '.tools[] | {name, calls, statuses}'
    """
    page_output()
    with opened(folder, reading=True) as store:
        require_log(store, session_id)
        past = past_of(store, session_id)
        with naming(session_id):
            found = count(events_of(past))
    _notice_gaps(past)
    if output == "json":
        fields = {name: getattr(found, name) for name in found.__struct_fields__}
        document = StatDocument(session_id=session_id, floor=past.floor, **fields)
        click.echo(json_document(document), nl=False)
    else:
        print_statistics(session_id, found)


def _notice_gaps(past: Past) -> None:
    if past.floor:
        notice(f"{past.why_short}; of the events up to there, only those kept are counted")
    if past.problems:
        notice(
            "the history is damaged, `journal verify` lists where; only the events that could be "
            "read are counted"
        )
