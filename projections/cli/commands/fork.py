"""`journal fork`: begins a session with the events of another."""

import click

from projections.cli.arguments.ids import complete_sessions
from projections.cli.arguments.options import TEXT, folder_option, output_option
from projections.cli.documents.json_output import json_document
from projections.cli.documents.sessions import ForkDocument, origin_item
from projections.cli.sessions.opening import has_session, opened, require_log
from projections.cli.terminal.output import notice
from projections.cli.terminal.texts import shorten
from projections.store.forks import fork_at
from projections.store.store import DefaultSessionStore

_LONGEST_ID = 40


@click.command()
@click.argument("source", metavar="SESSION[@AT]", type=TEXT, shell_complete=complete_sessions)
@click.argument("target", metavar="FORK", type=TEXT)
@output_option("text", "json")
@folder_option
def fork_command(source: str, target: str, output: str, folder: str | None) -> None:
    """Begin a session with the events of another.

    FORK begins with all events of SESSION, or with those up to AT: a seq, a time, or a
    cursor. From then on neither sees what the other writes. The events are shared, not
    copied, and each of the two can be compacted or deleted without harm to the other.
    PraisonAI's messages stay with SESSION. An id that has an @ in it is meant as it is if
    there is such a session.

    \b
    Examples:
      journal fork my-session what-if
      journal fork my-session@3 from-event-3
      journal fork my-session@5m as-of-then
    """
    with opened(folder) as store:
        session_id, at = _session_and_point(store, source)
        require_log(store, session_id)
        head = store.fork(session_id, to=target, at=at)
        origin = store.origin(target)
    if output == "json":
        document = ForkDocument(session_id=target, head=str(head), forked_from=origin_item(origin))
        click.echo(json_document(document), nl=False)
    else:
        shown = [shorten(repr(each), _LONGEST_ID) for each in (target, session_id)]
        notice(f"session {shown[0]} begins with {_events(head.seq)} of {shown[1]}")


def _session_and_point(store: DefaultSessionStore, text: str) -> tuple[str, str | None]:
    """The session that is meant, and where in it."""
    session_id, sign, at = text.rpartition("@")
    if not sign or has_session(store, text):
        return text, None
    try:
        fork_at(at)
    except ValueError as error:
        if has_session(store, session_id):
            raise click.UsageError(f"{text!r}: {error}") from None
        return text, None  # which is not there: that is said
    return session_id, at


def _events(seq: int) -> str:
    if not seq:
        return "no event"
    return f"the first {seq:,} events" if seq > 1 else "the first event"
