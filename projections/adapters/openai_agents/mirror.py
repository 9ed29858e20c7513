"""`mirror`: writes every run of every agent in this process into the journal."""

from typing import Any

from agents import Agent
from agents.run import get_default_agent_runner, set_default_agent_runner

from projections.adapters.mirroring import Mirror, Mirroring, Source
from projections.adapters.openai_agents.runner import MirroringRunner
from projections.adapters.openai_agents.sessions import Chosen, Sessions, choice_of
from projections.adapters.openai_agents.tool_errors import watch_tool_errors
from projections.adapters.session_choice import SessionChoice
from projections.adapters.values import Record


def mirror(source: Source, *, session_id: Chosen = None, record: Record = "slices") -> Mirror:
    """Mirror every run of every agent in this process, until the handle is closed.

    Takes a store, the path of a folder, or a config. A config without
    `mirror_runtime_state=True` does nothing at all.

    Each agent is a runtime, named after the agent. A run is one turn; if agents hand over, it
    is one turn for each agent. The parent of a run inside a tool is the turn of that tool call.
    The session of a turn is the first of: `session_id`, or what `session_id` returns for the
    agent; the conversation, session or group that the run has in the SDK; the session of the
    run that it is part of; one that is made up for this mirror. A run that goes on after calls
    were approved or refused goes on in the turn that waits in that session, whoever wrote it.

    `record` says how much of a turn is kept: "ids" (ids, names, statuses and times), "slices"
    (values cut to 1 KiB, turns to 16 KiB) or "full" (64 KiB and 1 MiB), within the store's limits.

    Raises TypeError and ValueError for an invalid source, session id or `record`, and
    RuntimeError if the process is being mirrored already.
    """
    choice = choice_of(session_id)
    handle = Mirror(source, record)
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
    """Put back the runner from before, unless another runs in front; then ours stays, idle."""
    if get_default_agent_runner() is runner:
        set_default_agent_runner(runner.before)
