"""The arguments of reading commands that may leave the session out: see `last_session`.

Where other arguments follow, the first word may be the session or the first of those. It is the
session if there is one of this id, or if there are as many words as there can be. Else it has to
fit what is in the last session.

The function that is decorated gets a session id in any case.
"""

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, TypeAlias

import click

from journal.errors import StateValueError
from projections.cli.arguments.options import TEXT
from projections.cli.completion.complete import (
    complete_conditions,
    complete_refs,
    complete_runtimes,
    complete_sessions,
    complete_turns,
)
from projections.cli.sessions.last_session import (
    is_there,
    last_session,
    last_session_in,
    newest_session,
    notice_session,
)
from projections.cli.sessions.opening import opened, require_session
from projections.store.store import DefaultSessionStore

Words: TypeAlias = list[str | None]
"""The arguments of a command as they were typed; those that were not are None, at the end."""

_Command: TypeAlias = Callable[..., Any]
_Fits: TypeAlias = Callable[[DefaultSessionStore, str, Words], bool]
"""Whether the words fit a session, given its id, in which they name something."""

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
            with opened(folder) as store:
                if session_id is None:
                    session_id = last_session(store, with_log=True)
                elif not is_there(store, session_id):
                    matches = (session_id, *matches)
                    session_id = last_session(store, with_log=True)
        return command(folder=folder, session_id=session_id, matches=matches, **rest)

    several = click.argument(
        "matches",
        metavar="[FIELD=VALUE]...",
        nargs=-1,
        type=TEXT,
        shell_complete=complete_conditions,
    )
    return _argument("session_id", "[SESSION]")(several(resolved))


def session_and_turn(command: _Command) -> _Command:
    """Adds `[SESSION] RUNTIME TURN`."""
    return _with_words(command, ("[SESSION]", "RUNTIME", "TURN"), _is_turn, _TURN[1:])


def session_and_blamed(command: _Command) -> _Command:
    """Adds `[SESSION] [RUNTIME/]TURN`, of `journal blame`, where these may be two words.

    The function gets the first of them as `runtime_id`, and the second, if any, as `turn_id`.
    """
    return _with_words(command, ("[SESSION]", "[RUNTIME/]TURN", ""), _may_be_turn, _TURN[1:2])


def session_and_named_turn(command: _Command) -> _Command:
    """Adds `[SESSION] [RUNTIME/]TURN`, of `journal turn`."""

    @wraps(command)
    def resolved(
        *, folder: str | None, session_id: str | None, turn: str | None, **rest: Any
    ) -> Any:
        session, name = _with_session(folder, [session_id, turn], _may_be_turn, ("turn",))
        return command(folder=folder, session_id=session, turn=name, **rest)

    named = _argument("turn", "[RUNTIME/]TURN")(resolved)
    return _argument("session_id", "[SESSION]")(named)


def session_and_part(command: _Command) -> _Command:
    """Adds `[SESSION] [RUNTIME] [TURN]`, of `journal show`."""
    return _with_words(command, ("[SESSION]", "[RUNTIME]", "[TURN]"), _has_runtime)


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
        session, before, after = _with_session(folder, words, _names_state, ("old",))
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
        found = _with_session(folder, words, partial(fits, at=rest.get("at")), required)
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


def _with_session(
    folder: str | None, words: Words, fits: _Fits, required: Sequence[str] = ()
) -> Words:
    """The words with the session in front. Raises `click.MissingParameter` and `NotFoundError`.

    `required` are the parameters that must have one of the others.
    """
    if words[0] is None:
        _require(required, words[1:])
    if words[0] is None or words[-1] is None:
        with opened(folder) as store:
            words = _completed(store, words, fits)
    _require(required, words[1:])
    return words


def _completed(store: DefaultSessionStore, words: Words, fits: _Fits) -> Words:
    first = words[0]
    if first is None:
        return [last_session(store, with_log=False), *words[1:]]
    if is_there(store, first):
        return words
    last = newest_session(store, with_log=False)
    if not fits(store, last, words):
        require_session(store, first)  # says that there is none of this id
    notice_session(last)
    return [last, *words[:-1]]


def _require(names: Sequence[str], words: Words) -> None:
    context = click.get_current_context()
    for name, word in zip(names, words, strict=False):
        if word is None:
            (param,) = (param for param in context.command.params if param.name == name)
            raise click.MissingParameter(ctx=context, param=param)


def _is_match(text: str) -> bool:
    """Whether a text is FIELD=VALUE with a known field."""
    from projections.cli.arguments.filters import Filter  # of `journal log`, which needs it anyway

    try:
        Filter().fields([text])
    except click.BadParameter:
        return False
    return True


def _is_turn(_store: DefaultSessionStore, _last: str, words: Words, at: int | str | None) -> bool:
    """Whether two words are RUNTIME TURN: for a session and all of these, one is missing."""
    return words[1] is not None


def _may_be_turn(
    store: DefaultSessionStore, last: str, words: Words, at: int | str | None = None
) -> bool:
    """Whether a word alone is the turn, or the first of two is a runtime that is there."""
    return words[1] is None or words[0] in store.state_at(last)


def _has_runtime(
    store: DefaultSessionStore, last: str, words: Words, at: int | str | None
) -> bool:
    return words[0] in store.state_at(last, at)


def _names_state(store: DefaultSessionStore, last: str, words: Words) -> bool:
    """Whether a ref names no runtime, or one that is there; alone, it can be nothing else."""
    if words[1] is None:
        return True
    from projections.refs import Ref  # of `journal diff`

    try:
        runtime_id = Ref.parse(words[0] or "").runtime_id
    except StateValueError:
        return False
    return runtime_id is None or runtime_id in store.state_at(last)
