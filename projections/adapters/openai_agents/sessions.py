"""Which session a turn belongs to: what the SDK itself goes by."""

from collections.abc import Callable
from typing import Any, TypeAlias

from agents import Agent, RunConfig, RunState

from projections.adapters.mirroring import Mirroring
from projections.adapters.session_choice import SessionChoice

Chosen: TypeAlias = str | Callable[[Agent[Any]], str | None] | None


def choice_of(chosen: Chosen) -> SessionChoice[Agent[Any]]:
    """What the user has chosen. Raises TypeError as `SessionChoice`."""
    return SessionChoice("openai-agents", chosen)


class Sessions:
    """Gives the sessions of runs."""

    def __init__(self, mirroring: Mirroring, choice: SessionChoice[Agent[Any]]) -> None:
        self._mirroring = mirroring
        self._choice = choice

    def of_run(self, options: dict[str, Any], given: object) -> Callable[[Agent[Any]], str]:
        """What gives the session of an agent in a run with this input and these options.

        Some sessions of the SDK have an id only once they are in use, so each agent asks anew.
        """

        def session_of(agent: Agent[Any]) -> str:
            return self._choice.of(agent, _own(options, given), self._mirroring.here())

        return session_of

    def of_agent(self, agent: Agent[Any]) -> str:
        """The session of an agent's turn that begins here, in a run that is not known."""
        return self.of_run({}, None)(agent)

    def known(self, agent: Agent[Any], options: dict[str, Any], given: object) -> str | None:
        """The session of an agent's turn that begins here, unless one has to be made up."""
        return self._choice.find(agent, _own(options, given), self._mirroring.here())


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
