"""Which session a reading command is about if none is named: the one that changed last.

It is said on standard error, so that nobody takes it for another one. Commands that write or
delete always want a name.
"""

import re

from journal.errors import NotFoundError
from projections.cli.sessions.opening import opened
from projections.cli.terminal.output import notice
from projections.store.store import DefaultSessionStore


def last_session(store: DefaultSessionStore, *, with_log: bool) -> str:
    """The session that changed last, which is said on standard error.

    `with_log` leaves out those that only PraisonAI keeps. O(sessions of the folder). Raises
    `NotFoundError` if there is none.
    """
    found = newest_session(store, with_log=with_log)
    notice_session(found)
    return found


def last_session_in(folder: str | None) -> str:
    """The last session of a folder that has a log. Raises `NotFoundError` if there is none."""
    with opened(folder, reading=True) as store:
        return last_session(store, with_log=True)


def newest_session(store: DefaultSessionStore, *, with_log: bool) -> str:
    """Like `last_session`, but nothing is said."""
    for info in store.list_sessions(None if with_log else 1):
        if info["log_bytes"] or not with_log:
            return info["session_id"]
    raise NotFoundError(
        f"there are no sessions in {store.session_dir}; name the folder of your sessions with "
        "--dir or $JOURNAL_DIR, or see `journal demo`"
    )


def notice_session(session_id: str) -> None:
    """Say which one it is."""
    name = session_id if re.fullmatch(r"\S+", session_id) else repr(session_id)
    notice(f"session {name}, the last one that changed; name another to see it")


def is_there(store: DefaultSessionStore, session_id: str) -> bool:
    """Whether a session exists. Costs and raises as `session_exists`."""
    return store.newest(session_id) is not None or store.session_exists(session_id)
