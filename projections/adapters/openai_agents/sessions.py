"""Which session a turn belongs to, by the SDK's own conversations, sessions and groups."""

from collections.abc import Callable
from typing import Any, TypeAlias

from agents import Agent, RunConfig, RunState

from projections.adapters.mirroring import Mirroring
from projections.adapters.session_choice import SessionChoice

Chosen: TypeAlias = str | Callable[[Agent[Any]], str | None] | None


def choice_of(chosen: Chosen) -> SessionChoice[Agent[Any]]:
    """The choice of the user. Raises TypeError like `SessionChoice`."""
    return SessionChoice("openai-agents", chosen)


class Sessions:
    """Finds the sessions of runs."""

    def __init__(self, mirroring: Mirroring, choice: SessionChoice[Agent[Any]]) -> None:
        self._mirroring = mirroring
        self._choice = choice

    def of_run(self, options: dict[str, Any], given: object) -> Callable[[Agent[Any]], str]:
        """A function that gives the session of each agent in a run with this input and options.

        It looks anew for each agent: some sessions of the SDK have an id only once they are used.
        """

        def session_of(agent: Agent[Any]) -> str:
            return self._choice.of(agent, _own(options, given), self._mirroring.here())

        return session_of

    def of_agent(self, agent: Agent[Any]) -> str:
        """The session of an agent's turn that begins here, if its run is not known."""
        return self.of_run({}, None)(agent)

    def known(self, agent: Agent[Any], options: dict[str, Any], given: object) -> str | None:
        """The session of an agent's turn that begins here, unless one has to be made up."""
        return self._choice.find(agent, _own(options, given), self._mirroring.here())


def _own(options: dict[str, Any], given: object) -> str | None:
    """The conversation, session or group of a run, in the order in which the SDK looks.

    A run that goes on from a state is in the conversation and the group of that state.
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
    except Exception:  # noqa: BLE001 - a session may raise before it is used: it has no id yet
        return None
