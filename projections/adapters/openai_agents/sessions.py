"""Which session a turn belongs to."""

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeAlias

from agents import Agent, RunConfig, RunState

from projections.adapters.mirroring import new_session_id
from projections.adapters.openai_agents.runs import Journal

logger = logging.getLogger("journal")

Chosen: TypeAlias = str | Callable[[Agent[Any]], str | None] | None


class Sessions:
    """Gives sessions: the chosen one, else that of the run, of the run around it, or one."""

    def __init__(self, journal: Journal, chosen: Chosen) -> None:
        self._journal = journal
        self._chosen = chosen

    def of_run(self, options: dict[str, Any], given: object) -> Callable[[Agent[Any]], str]:
        """What gives the session of an agent in a run with this input and these options.

        Some sessions of the SDK have an id only once they are in use, so each agent asks anew.
        """

        def session_of(agent: Agent[Any]) -> str:
            known = self.known(agent, options, given)
            return known if known is not None else self._made_up

        return session_of

    def of_agent(self, agent: Agent[Any]) -> str:
        """The session of an agent's turn that begins here, in a run that is not known."""
        return self.of_run({}, None)(agent)

    def known(self, agent: Agent[Any], options: dict[str, Any], given: object) -> str | None:
        """The session of an agent's turn that begins here, unless one has to be made up."""
        for found in (self._chosen_for(agent), _own(options, given), self._around()):
            if found is not None:
                return found
        return None

    def _chosen_for(self, agent: Agent[Any]) -> str | None:
        found = self._chosen(agent) if callable(self._chosen) else self._chosen
        if not (found is None or isinstance(found, str)):
            raise TypeError(f"session_id must return a string, not {type(found).__name__}")
        return found

    def _around(self) -> str | None:
        here = self._journal.here()
        return None if here is None else here.run.session_id

    @functools.cached_property
    def _made_up(self) -> str:
        session_id = new_session_id("openai-agents")
        logger.info("runs without a session are mirrored into session %r", session_id)
        return session_id


def _own(options: dict[str, Any], given: object) -> str | None:
    """The session, conversation or group of a run: what the SDK itself goes by, in its order.

    A run that goes on from a state is in the conversation and the group that this has.
    """
    config = options.get("run_config")
    group_id = config.get("group_id") if isinstance(config, dict) else None
    if isinstance(config, RunConfig):
        group_id = config.group_id
    resumed = given if isinstance(given, RunState) else None
    for found in (
        options.get("conversation_id"),
        getattr(resumed, "_conversation_id", None),
        _id_of(options.get("session")),
        group_id,
        getattr(getattr(resumed, "_trace_state", None), "group_id", None),
    ):
        if isinstance(found, str) and found.strip():
            return found
    return None


def _id_of(session: object) -> object:
    try:
        return getattr(session, "session_id", None)
    except Exception:  # noqa: BLE001 - of a session that has none before it is used
        return None
