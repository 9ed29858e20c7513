"""Which session a turn belongs to."""

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeAlias

from agents import Agent, RunConfig

from projections.adapters.mirroring import new_session_id
from projections.adapters.openai_agents.runs import Journal

logger = logging.getLogger("journal")

Chosen: TypeAlias = str | Callable[[Agent[Any]], str | None] | None


class Sessions:
    """Gives sessions: the chosen one, else that of the run, of the run around it, or one."""

    def __init__(self, journal: Journal, chosen: Chosen) -> None:
        self._journal = journal
        self._chosen = chosen

    def of_run(self, options: dict[str, Any]) -> Callable[[Agent[Any]], str]:
        """What gives the session of an agent in a run with these options of `Runner.run`."""
        own = _own(options)
        return self.of_agent if own is None else lambda agent: self._chosen_for(agent) or own

    def of_agent(self, agent: Agent[Any]) -> str:
        """The session of an agent's turn that begins here."""
        return self._chosen_for(agent) or self._around() or self._made_up

    def _chosen_for(self, agent: Agent[Any]) -> str | None:
        return self._chosen(agent) if callable(self._chosen) else self._chosen

    def _around(self) -> str | None:
        here = self._journal.here()
        return None if here is None else here.run.session_id

    @functools.cached_property
    def _made_up(self) -> str:
        session_id = new_session_id("openai-agents")
        logger.info("runs without a session are mirrored into session %r", session_id)
        return session_id


def _own(options: dict[str, Any]) -> str | None:
    """The session, conversation or group of a run: what the SDK itself goes by, in its order."""
    config = options.get("run_config")
    group_id = config.get("group_id") if isinstance(config, dict) else None
    if isinstance(config, RunConfig):
        group_id = config.group_id
    session_id = getattr(options.get("session"), "session_id", None)
    for found in (options.get("conversation_id"), session_id, group_id):
        if isinstance(found, str) and found.strip():
            return found
    return None
