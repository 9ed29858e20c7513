"""Says what a tail waits for: nobody sees whether a silent one is right or mistyped."""

import shlex
from collections.abc import Sequence

from projections.cli.names.naming import close_to, in_words
from projections.cli.sessions.opening import has_folder, has_session, ids_of
from projections.cli.terminal.output import notice
from projections.store.store import DefaultSessionStore

_MOST_NAMED = 3


def notice_awaited(
    store: DefaultSessionStore, names: Sequence[str], patterns: Sequence[str] = ()
) -> bool:
    """Say once what is not there yet of what is followed; whether anything is not.

    Of the sessions named, all that have no event. Where no names are, whether any session is
    there that is like one of the patterns. Raises `ReadError` and its siblings.
    """
    missing = [name for name in names if not _has_log(store, name)]
    if missing:
        _notice(store, _named(missing), _why_missing(store, missing))
    elif not names and patterns and not _any_like(store, patterns):
        _notice(store, f"sessions like {_listed(patterns)}", _why_none(store))
    elif not names and not patterns and not store.list_sessions(limit=1):
        _notice(store, "sessions", _why_none(store))
    else:
        return False
    return True


def _has_log(store: DefaultSessionStore, session_id: str) -> bool:
    return store.newest(session_id) is not None or store.has_log(session_id)


def _any_like(store: DefaultSessionStore, patterns: Sequence[str]) -> bool:
    from projections.tail.choice import FollowedSessions

    wants = FollowedSessions(matching=patterns).wants
    return any(map(wants, ids_of(store)))


def _named(missing: Sequence[str]) -> str:
    return f"session{'s' * (len(missing) > 1)} {_listed(missing)}"


def _listed(ids: Sequence[str]) -> str:
    """As they would be typed; of many, the first few."""
    more = f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
    return ", ".join(map(shlex.quote, ids[:_MOST_NAMED])) + more


def _why_missing(store: DefaultSessionStore, missing: Sequence[str]) -> str:
    if len(missing) == 1 and has_session(store, missing[0]):
        return ", to which only PraisonAI has written so far"
    known = ids_of(store)
    similar = [each for name in missing for each in close_to(name, known)]
    if similar:
        return f"; similar ones are there: {in_words(map(shlex.quote, dict.fromkeys(similar)))}"
    if known:
        return "; `journal sessions` lists those that are there"
    return _why_none(store)


def _why_none(store: DefaultSessionStore) -> str:
    if not has_folder(store):
        return ", a folder that does not exist yet"
    return ", where there are none yet" if not store.list_sessions(limit=1) else ""


def _notice(store: DefaultSessionStore, what: str, why: str) -> None:
    where = f" in {store.session_dir}" if store.session_dir is not None else ""
    notice(f"waiting for {what}{where}{why}")
