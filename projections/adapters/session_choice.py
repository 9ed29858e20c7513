"""Which session an agent's turn is written into."""

import functools
import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from projections.adapters.context import CallContext
from projections.adapters.turns import new_turn_id

logger = logging.getLogger("journal")

T = TypeVar("T")


class SessionChoice(Generic[T]):
    """Which session a turn belongs to.

    The session that the user has chosen, for all or for each agent; else the framework's own;
    else that of the turn or run around; else what the adapter gives as `last`, or one that is
    made up, once, for all of these.
    """

    def __init__(self, framework: str, chosen: str | Callable[[T], str | None] | None) -> None:
        """Raises TypeError for what is neither a string nor callable, nor None."""
        _check_choice(chosen)
        self._framework = framework
        self._chosen = chosen

    def find(self, subject: T, own: str | None, around: CallContext | None) -> str | None:
        """The session; None if one has to be made up. A callable that was chosen gets `subject`.

        Raises TypeError if that returns something else than a string or None, and what it raises.
        """
        found = self._chosen(subject) if callable(self._chosen) else self._chosen
        if found is None:
            found = own
        if found is None and around is not None:
            found = around.session_id
        return _checked(found)

    def of(
        self, subject: T, own: str | None, around: CallContext | None, last: str | None = None
    ) -> str:
        """As `find`; `last`, or one made up, if need be."""
        found = self.find(subject, own, around)
        if found is None:
            found = last
        return found if found is not None else self._made_up

    @functools.cached_property
    def _made_up(self) -> str:
        """`openai-agents-20261123T102041.714-9f3a1c`."""
        session_id = f"{self._framework}-{new_turn_id()}"
        logger.info("agents without a session are mirrored into session %r", session_id)
        return session_id


def _check_choice(chosen: object) -> None:
    if not (chosen is None or isinstance(chosen, str) or callable(chosen)):
        kind = type(chosen).__name__
        raise TypeError(f"session_id must be a string or a callable, not {kind}")


def _checked(session_id: object) -> str | None:
    if not (session_id is None or isinstance(session_id, str)):
        raise TypeError(f"session_id must return a string, not {type(session_id).__name__}")
    return session_id
