"""Which of the words that were typed is the session, where it may be left out.

The first word may be the session or the first of the other arguments. It is the session if there
is one of this id, or if there are as many words as there can be. Else it has to fit what is in
the last session.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import click

from journal.errors import StateValueError
from projections.cli.sessions.last_session import (
    is_there,
    last_session,
    newest_session,
    notice_session,
)
from projections.cli.sessions.opening import opened, require_session
from projections.store.store import DefaultSessionStore

Words: TypeAlias = list[str | None]
"""The arguments of a command as they were typed; those that were not are None, at the end."""

Fits: TypeAlias = Callable[[DefaultSessionStore, str, Words], bool]
"""Whether the words fit a session, given its id, in which they name something."""


def with_session(
    folder: str | None, words: Words, fits: Fits, required: Sequence[str] = ()
) -> Words:
    """The words with the session in front. Raises `click.MissingParameter` and `NotFoundError`.

    `required` are the parameters that must have one of the others.
    """
    if words[0] is None:
        _require(required, words[1:])
    if words[0] is None or words[-1] is None:
        with opened(folder, reading=True) as store:
            words = _completed(store, words, fits)
    _require(required, words[1:])
    return words


def _completed(store: DefaultSessionStore, words: Words, fits: Fits) -> Words:
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


def is_turn(_store: DefaultSessionStore, _last: str, words: Words, at: int | str | None) -> bool:
    """Whether two words are RUNTIME TURN: for a session and all of these, one is missing."""
    return words[1] is not None


def may_be_turn(
    store: DefaultSessionStore, last: str, words: Words, at: int | str | None = None
) -> bool:
    """Whether a word alone is the turn, or the first of two is a runtime that is there."""
    return words[1] is None or words[0] in store.state_at(last)


def has_runtime(store: DefaultSessionStore, last: str, words: Words, at: int | str | None) -> bool:
    return words[0] in store.state_at(last, at)


def names_state(store: DefaultSessionStore, last: str, words: Words) -> bool:
    """Whether a ref names no runtime, or one that is there; alone, it can be nothing else."""
    if words[1] is None:
        return True
    from projections.refs import Ref  # of `journal diff`

    try:
        runtime_id = Ref.parse(words[0] or "").runtime_id
    except StateValueError:
        return False
    return runtime_id is None or runtime_id in store.state_at(last)
