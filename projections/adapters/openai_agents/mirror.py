"""`mirror`: every run of every agent in this process goes into the journal."""

from typing import Any

from agents import Agent
from agents.run import get_default_agent_runner, set_default_agent_runner

from projections.adapters.mirroring import Mirror, Mirroring, Source
from projections.adapters.openai_agents.runner import MirroringRunner
from projections.adapters.openai_agents.sessions import Chosen, Sessions, choice_of
from projections.adapters.openai_agents.tool_errors import watch_tool_errors
from projections.adapters.session_choice import SessionChoice


def mirror(source: Source, *, session_id: Chosen = None) -> Mirror:
    """Mirror every run of every agent in this process, until the handle is closed.

    Takes a store, the path of a folder, or a config; one that does not mirror changes nothing.

    Each agent is a runtime, by its name. A run is one turn, or several if agents hand over:
    then one for each. A run inside a tool is a turn that this tool call has called for. Turns
    go to the session `session_id`, or what that returns for the agent; else to the
    conversation, the session or the group that the run has in the SDK; else to the session of
    the run that it is part of; else to one that is made up for this call.

    Raises TypeError and ValueError for a source or session id that makes no sense, and
    RuntimeError when the process is being mirrored already.
    """
    choice = choice_of(session_id)
    handle = Mirror(source)
    return handle.begin("OpenAI agents", lambda: _start(handle, choice))


def _start(handle: Mirror, choice: SessionChoice[Agent[Any]]) -> None:
    mirroring = Mirroring(handle.recorder)
    handle.on_close(mirroring.stop)
    sessions = Sessions(mirroring, choice)
    runner = MirroringRunner(get_default_agent_runner(), mirroring, sessions)
    set_default_agent_runner(runner)
    handle.on_close(lambda: _put_back(runner))
    handle.on_close(watch_tool_errors())


def _put_back(runner: MirroringRunner) -> None:
    """Not if somebody has put another one in front: that goes on through ours, which is idle."""
    if get_default_agent_runner() is runner:
        set_default_agent_runner(runner.before)
