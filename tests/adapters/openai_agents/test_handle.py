"""What `mirror` takes, and that closing it leaves the SDK as it was."""

import asyncio
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from agents import (
    Runner,
    function_tool,
)
from agents.run import AgentRunner, get_default_agent_runner, set_default_agent_runner

from journal import SessionConfig
from projections import DefaultSessionStore
from projections.adapters.openai_agents import JournalHooks, Mirror, mirror, tool_errors
from tests.adapters.openai_agents.agents import CALL_WAITING, agent, run, says
from tests.adapters.reported import said, turns, versions


def test_closing_leaves_the_sdk_as_it_was(store: DefaultSessionStore) -> None:
    def watched() -> list[Any]:
        return [getattr(import_module(module), name) for module, name in tool_errors.WATCHED]

    runner, before = get_default_agent_runner(), watched()
    handle = mirror(store, session_id="s")
    assert get_default_agent_runner() is not runner
    assert not {id(each) for each in before} & {id(each) for each in watched()}
    handle.close()
    handle.close()
    assert get_default_agent_runner() is runner
    assert watched() == before
    run(agent())
    assert store.list_sessions() == [], "a store that was given stays open"


def test_a_runner_that_somebody_else_has_put_in_front_stays(store: DefaultSessionStore) -> None:
    class Theirs(AgentRunner):
        def __init__(self, before: AgentRunner) -> None:
            self.before = before

        async def run(self, starting_agent: Any, input: Any, **kwargs: Any) -> Any:  # noqa: A002
            return await self.before.run(starting_agent, input, **kwargs)

    with mirror(store, session_id="s"):
        theirs = Theirs(get_default_agent_runner())
        set_default_agent_runner(theirs)
        run(agent())
    assert get_default_agent_runner() is theirs
    assert run(agent()).final_output == "hello"
    assert len(turns(store)) == 1


def test_a_run_that_goes_on_after_closing_is_left_alone(store: DefaultSessionStore) -> None:
    async def main() -> Any:
        begun, going_on = asyncio.Event(), asyncio.Event()

        @function_tool
        async def waiting() -> str:
            begun.set()
            await going_on.wait()
            return "now"

        handle = mirror(store, session_id="s")
        task = asyncio.create_task(
            Runner.run(agent(CALL_WAITING, says("done"), tools=[waiting]), "you")
        )
        await begun.wait()
        handle.close()
        going_on.set()
        assert handle.failures == 0
        return await task

    assert asyncio.run(main()).final_output == "done"
    assert versions(store) == [["open"], ["open", "open"]]


def test_a_process_is_mirrored_once(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        with pytest.raises(RuntimeError, match="already; close that mirror first"):
            mirror(store, session_id="t")
        run(agent())
    assert len(turns(store)) == 1
    with mirror(store, session_id="s"):
        run(agent())
    assert len(turns(store)) == 2


def test_a_config_that_does_not_mirror_changes_nothing(tmp_path: Path) -> None:
    runner = get_default_agent_runner()
    with mirror(SessionConfig(persist_path=str(tmp_path / "journal"))):
        assert get_default_agent_runner() is runner
        run(agent())
    assert not (tmp_path / "journal").exists()


def test_a_folder_is_enough(tmp_path: Path) -> None:
    with mirror(tmp_path / "journal", session_id="s"):
        run(agent())
    with DefaultSessionStore(tmp_path / "journal") as again:
        assert turns(again) == [{"status": "completed", "transcript": said("you", "hello")}]


def test_a_session_id_of_another_kind_is_refused(store: DefaultSessionStore) -> None:
    wrong: Any = 7
    with pytest.raises(TypeError, match="session_id must be a string or a callable, not int"):
        mirror(store, session_id=wrong)
    with pytest.raises(TypeError, match="session_id must be a string or a callable, not int"):
        JournalHooks(Mirror(store), session_id=wrong)
