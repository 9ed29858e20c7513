"""`mirror`: every run of every agent in this process goes into the journal."""

import threading

from agents.run import get_default_agent_runner, set_default_agent_runner

from projections.adapters.mirroring import Mirror, Source, check_session_id
from projections.adapters.openai_agents.runner import MirroringRunner
from projections.adapters.openai_agents.runs import Journal
from projections.adapters.openai_agents.sessions import Chosen, Sessions
from projections.adapters.openai_agents.tool_errors import watch_tool_errors

_mirroring = threading.Lock()  # held by the one that mirrors


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
    check_session_id(session_id)
    handle = Mirror(source)
    try:
        if handle.store.mirrors:
            _start(handle, session_id)
    except BaseException:
        handle.close()
        raise
    return handle


def _start(handle: Mirror, session_id: Chosen) -> None:
    if not _mirroring.acquire(blocking=False):
        raise RuntimeError("this process is being mirrored already; close that mirror first")
    handle.on_close(_mirroring.release)
    journal = Journal(handle.recorder)
    handle.on_close(journal.stop)
    runner = MirroringRunner(get_default_agent_runner(), journal, Sessions(journal, session_id))
    set_default_agent_runner(runner)
    handle.on_close(lambda: _put_back(runner))
    handle.on_close(watch_tool_errors())


def _put_back(runner: MirroringRunner) -> None:
    """Not if somebody has put another one in front: that goes on through ours, which is idle."""
    if get_default_agent_runner() is runner:
        set_default_agent_runner(runner.before)
