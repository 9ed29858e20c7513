"""The arguments of reading commands that may leave the session out: see `last_session`.

Where other arguments follow, `session_words` finds out whether the first word is the session.
The function that is decorated gets a session id in any case.
"""

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, TypeAlias

import click

from projections.cli.arguments.ids import matches_argument
from projections.cli.arguments.options import TEXT
from projections.cli.arguments.session_words import (
    has_runtime,
    is_turn,
    may_be_turn,
    names_state,
    with_session,
)
from projections.cli.completion.complete import (
    complete_refs,
    complete_runtimes,
    complete_sessions,
    complete_turns,
)
from projections.cli.sessions.last_session import (
    is_there,
    last_session,
    last_session_in,
)
from projections.cli.sessions.opening import opened

_Command: TypeAlias = Callable[..., Any]

_COMPLETE = {
    "session_id": complete_sessions,
    "runtime_id": complete_runtimes,
    "turn_id": complete_turns,
    "turn": complete_refs,
    "old": complete_refs,
    "new": complete_refs,
}


_TURN = ("session_id", "runtime_id", "turn_id")


def session_or_last(command: _Command) -> _Command:
    """Adds `[SESSION]`, which has a log, for a command without other arguments."""

    @wraps(command)
    def resolved(*, folder: str | None, session_id: str | None, **rest: Any) -> Any:
        session_id = last_session_in(folder) if session_id is None else session_id
        return command(folder=folder, session_id=session_id, **rest)

    return _argument("session_id", "[SESSION]")(resolved)


def session_and_matches(command: _Command) -> _Command:
    """Adds `[SESSION] [FIELD=VALUE]...`, of `journal log`."""

    @wraps(command)
    def resolved(
        *, folder: str | None, session_id: str | None, matches: tuple[str, ...], **rest: Any
    ) -> Any:
        if session_id is None and (rest.get("after") or rest.get("cursor_file")):
            raise click.UsageError("a cursor is a place in one session; name the session too")
        if session_id is None or _is_match(session_id):
            with opened(folder, reading=True) as store:
                if session_id is None:
                    session_id = last_session(store, with_log=True)
                elif not is_there(store, session_id):
                    matches = (session_id, *matches)
                    session_id = last_session(store, with_log=True)
        return command(folder=folder, session_id=session_id, matches=matches, **rest)

    return _argument("session_id", "[SESSION]")(matches_argument(resolved))


def session_and_turn(command: _Command) -> _Command:
    """Adds `[SESSION] RUNTIME TURN`."""
    return _with_words(command, ("[SESSION]", "RUNTIME", "TURN"), is_turn, _TURN[1:])


def session_and_blamed(command: _Command) -> _Command:
    """Adds `[SESSION] [RUNTIME/]TURN`, of `journal blame`, where these may be two words.

    The function gets the first of them as `runtime_id`, and the second, if any, as `turn_id`.
    """
    return _with_words(command, ("[SESSION]", "[RUNTIME/]TURN", ""), may_be_turn, _TURN[1:2])


def session_and_named_turn(command: _Command) -> _Command:
    """Adds `[SESSION] [RUNTIME/]TURN`, of `journal turn`."""

    @wraps(command)
    def resolved(
        *, folder: str | None, session_id: str | None, turn: str | None, **rest: Any
    ) -> Any:
        session, name = with_session(folder, [session_id, turn], may_be_turn, ("turn",))
        return command(folder=folder, session_id=session, turn=name, **rest)

    named = _argument("turn", "[RUNTIME/]TURN")(resolved)
    return _argument("session_id", "[SESSION]")(named)


def session_and_part(command: _Command) -> _Command:
    """Adds `[SESSION] [RUNTIME] [TURN]`, of `journal show`."""
    return _with_words(command, ("[SESSION]", "[RUNTIME]", "[TURN]"), has_runtime)


def session_and_states(command: _Command) -> _Command:
    """Adds `[SESSION] OLD [NEW]`, of `journal diff`."""

    @wraps(command)
    def resolved(
        *,
        folder: str | None,
        session_id: str | None,
        old: str | None,
        new: str | None,
        **rest: Any,
    ) -> Any:
        words = [session_id, old, new]
        session, before, after = with_session(folder, words, names_state, ("old",))
        return command(folder=folder, session_id=session, old=before, new=after, **rest)

    found: _Command = resolved
    for name, metavar in (("new", "[NEW]"), ("old", "OLD"), ("session_id", "[SESSION]")):
        found = _argument(name, metavar)(found)
    return found


def _with_words(
    command: _Command,
    metavars: tuple[str, str, str],
    fits: Callable[..., bool],
    required: Sequence[str] = (),
) -> _Command:
    """Adds a session and two words. `fits` is asked with the moment of `--at`, if there is one."""

    @wraps(command)
    def resolved(
        *,
        folder: str | None,
        session_id: str | None,
        runtime_id: str | None,
        turn_id: str | None,
        **rest: Any,
    ) -> Any:
        words = [session_id, runtime_id, turn_id]
        found = with_session(folder, words, partial(fits, at=rest.get("at")), required)
        return command(folder=folder, **dict(zip(_TURN, found, strict=True)), **rest)

    added: _Command = resolved
    for name, metavar in reversed(list(zip(_TURN, metavars, strict=True))):
        added = _argument(name, metavar)(added)
    return added


def _argument(name: str, metavar: str) -> Callable[[_Command], _Command]:
    """Not required: what is missing is known when it is known what the others are."""
    return click.argument(
        name, metavar=metavar, type=TEXT, required=False, shell_complete=_COMPLETE.get(name)
    )


def _is_match(text: str) -> bool:
    """Whether a text is FIELD=VALUE with a known field."""
    from projections.cli.arguments.filters import Filter  # of `journal log`, which needs it anyway

    try:
        Filter().fields([text])
    except click.BadParameter:
        return False
    return True
