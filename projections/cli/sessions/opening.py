"""How commands open a store, and make sure that it has the sessions they need."""

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from journal.engines.files.storage import Storage
from journal.errors import NotFoundError, ReadError
from journal.past import NOW, Past
from journal.redaction import redact
from projections.cli.names.naming import close_to, in_words, instead_of
from projections.cli.sessions.keys import encryption
from projections.refs import Ref
from projections.store.store import DefaultSessionStore


@contextmanager
def opened(
    folder: str | None,
    *,
    create: bool = False,
    awaited: bool = False,
    reading: bool = False,
    storage: Storage | None = None,
    writer: str | None = None,
) -> Iterator[DefaultSessionStore]:
    """A store on the folder. Raises `NotFoundError` if the folder does not exist.

    With `create` it may be missing: the first write makes it. So it may if it is `awaited`.
    Who only means to be `reading` does not wait for redaction to be imported.
    """
    redactor = None if reading else redact
    with DefaultSessionStore(
        folder, redact=redactor, storage=storage, writer=writer, encryption=encryption()
    ) as store:
        if not create and not has_folder(store) and not awaited:
            raise NotFoundError(
                f"there is no folder {store.session_dir}; name the folder of your sessions with "
                "--dir or $JOURNAL_DIR"
            )
        yield store


def has_folder(store: DefaultSessionStore) -> bool:
    """Whether the folder is there. Raises `ReadError` if that cannot be seen."""
    if store.session_dir is None:
        return True
    try:
        return stat.S_ISDIR(os.stat(store.session_dir).st_mode)
    except PermissionError as error:
        raise ReadError(
            error.errno,
            f"the folder {store.session_dir} cannot be read: {error.strerror}; "
            "`journal doctor` says what to do",
        ) from error
    except OSError:
        return False


def has_session(store: DefaultSessionStore, session_id: str) -> bool:
    """Whether there is such a session, be it only PraisonAI's. Raises `ReadError` and siblings."""
    return store.newest(session_id) is not None or store.session_exists(session_id)


def require_session(store: DefaultSessionStore, session_id: str) -> None:
    """Raises `NotFoundError` if there is no such session; the message has similar ids."""
    if has_session(store, session_id):
        return
    known = ids_of(store)
    hint = instead_of(session_id, known, "`journal sessions` lists them")
    raise NotFoundError(f"there is no session {session_id!r} in {store.session_dir}; {hint}")


def ids_of(store: DefaultSessionStore) -> list[str]:
    """Of the sessions that are there, the last changed first."""
    return [info["session_id"] for info in store.list_sessions()]


def require_log(store: DefaultSessionStore, session_id: str) -> None:
    """Like `require_session`, but also raises for a session that only PraisonAI keeps."""
    if store.newest(session_id) is not None:
        return
    require_session(store, session_id)
    if store.past(session_id, reaching=NOW) is None:
        raise NotFoundError(
            f"session {session_id!r} has no log yet, only PraisonAI's session file: "
            "`journal show` has its state, and the first write begins the log"
        )


def past_of(store: DefaultSessionStore, session_id: str) -> Past:
    """What is left of its events. Raises `NotFoundError` if it was deleted meanwhile."""
    past = store.past(session_id)
    if past is None:
        raise NotFoundError(f"there is no session {session_id!r} any more")
    return past


def named_or_all(store: DefaultSessionStore, session_ids: tuple[str, ...]) -> list[str]:
    """The named sessions, or all that have a log. Raises `NotFoundError`."""
    for session_id in session_ids:
        require_session(store, session_id)
    infos = store.list_sessions()
    return list(session_ids) or sorted(i["session_id"] for i in infos if i["log_bytes"])


@contextmanager
def near_matches(store: DefaultSessionStore, session_id: str, *refs: Ref) -> Iterator[None]:
    """Adds the ids that exist to a `NotFoundError` for a runtime or turn of one of the refs."""
    try:
        yield
    except NotFoundError as error:
        hint = _those_that_exist(store.state_at(session_id), refs)
        if not hint:
            raise
        raise NotFoundError(f"{error}; {hint}") from error


def _those_that_exist(present: dict[str, dict[str, Any]], refs: tuple[Ref, ...]) -> str:
    """What to say of the first ref that names what is not there now; empty if there is none.

    Runtimes and turns that are close to it go before all others: of several refs too.
    """
    wrong: list[tuple[str, Collection[str]]] = []
    for ref in refs:
        is_there = ref.runtime_id in present
        name = ref.turn_id if is_there else ref.runtime_id
        known: Collection[str] = present[ref.runtime_id or ""] if is_there else present
        if name is not None and name not in known:
            wrong.append((name, known))
    close = [each for name, known in wrong for each in close_to(name, known)]
    if close:
        return f"did you mean {in_words(map(repr, dict.fromkeys(close)), 'or')}?"
    if not wrong:
        return ""
    name, known = wrong[0]
    return instead_of(name, known, "`journal show` lists them")
