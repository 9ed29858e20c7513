"""What is relied on of the SDK: a release that changes it has to be looked at."""

import asyncio
import inspect
from typing import Any

import pytest
from agents import (
    RunContextWrapper,
    RunHooks,
    RunState,
    ShellTool,
    function_tool,
)
from agents.lifecycle import RunHooksBase
from agents.run import AgentRunner, set_default_agent_runner

from projections.adapters.openai_agents import tool_errors
from projections.adapters.openai_agents.runner import MirroringRunner
from tests.adapters.openai_agents.agents import (
    HOOKS,
    RUNS,
    ModelError,
    agent,
    calls,
    run,
    says,
    shell_call,
)


def test_the_runner_that_is_the_default_does_all_runs() -> None:
    reached: list[str] = []

    class Noting(AgentRunner):
        async def run(self, *args: Any, **kwargs: Any) -> Any:
            reached.append("run")
            return await super().run(*args, **kwargs)

        def run_sync(self, *args: Any, **kwargs: Any) -> Any:
            reached.append("run_sync")
            return super().run_sync(*args, **kwargs)

        def run_streamed(self, *args: Any, **kwargs: Any) -> Any:
            reached.append("run_streamed")
            return super().run_streamed(*args, **kwargs)

    set_default_agent_runner(Noting())
    for each in RUNS:
        each(agent())
    assert reached == ["run", "run_sync", "run", "run_streamed"], (
        "Runner goes other ways now: MirroringRunner has to be there"
    )
    mine = {name for name in vars(MirroringRunner) if not name.startswith("_")}
    theirs = {name for name in vars(AgentRunner) if not name.startswith("_")}
    assert mine == theirs, "there is another way to run an agent"


def test_there_are_no_hooks_that_would_not_be_passed_on() -> None:
    found = {name.removeprefix("on_") for name in vars(RunHooksBase) if name.startswith("on_")}
    assert found == set(HOOKS), "RunJournal has to pass on the new ones to the program's hooks"


def test_a_context_set_when_the_tool_hook_is_called_is_that_of_the_tool() -> None:
    """`on_tool_start` of ours is no coroutine function for that."""
    from contextvars import ContextVar

    chosen = ContextVar("chosen", default="nothing")
    seen: list[str] = []

    class Setting(RunHooks[Any]):
        def on_tool_start(self, context: Any, agent: Any, tool: Any) -> Any:
            chosen.set(context.tool_call_id)
            return super().on_tool_start(context, agent, tool)

    @function_tool
    async def look() -> str:
        seen.append(chosen.get())
        return "done"

    asked = calls(("c-1", "look", {}), ("c-2", "look", {}))
    run(agent(asked, says("done"), tools=[look]), hooks=Setting())
    assert sorted(seen) == ["c-1", "c-2"], "tools do not know their calls any more"


@pytest.mark.parametrize(("module", "name"), tool_errors.WATCHED)
def test_the_functions_through_which_tool_errors_come_are_there(module: str, name: str) -> None:
    from importlib import import_module
    from inspect import iscoroutinefunction, signature

    function = getattr(import_module(module), name, None)
    parameters = {
        tool_errors.WORDED: ["function_tool", "context", "error"],
        tool_errors.INVOKED: ["function_tool", "context", "arguments"],
        tool_errors.LOGGED: ["message", "exc", "diagnostic_extra"],
    }
    assert callable(function), "what tools raise is not seen any more"
    assert list(signature(function).parameters) == parameters[name]
    assert iscoroutinefunction(function) == (name != tool_errors.LOGGED)


def test_a_state_tells_what_waits_and_where_it_belongs() -> None:
    assert inspect.isfunction(RunState.get_interruptions)
    assert inspect.isfunction(RunContextWrapper.get_approval_status)
    assert inspect.isfunction(RunContextWrapper.get_rejection_message)
    assert {
        "_context",
        "_conversation_id",
        "_current_agent",
        "_generated_items",
        "_model_responses",
        "_trace_state",
    } <= set(RunState.__dataclass_fields__)


def test_a_call_is_noted_as_executed_just_before_its_hook_is_called() -> None:
    """By that, calls whose hooks do not get the id are told apart."""
    noted: list[list[str]] = []

    class Looking(RunHooks[Any]):
        async def on_tool_start(self, context: Any, agent: Any, tool: Any) -> None:
            records = context._tool_invocations
            noted.append([call_id for call_id in records if records[call_id].executed])

    asked = [shell_call("sh-1"), shell_call("sh-2")]
    each = agent(asked, says("done"), tools=[ShellTool(executor=lambda _: "ok")])
    run(each, hooks=Looking())
    assert noted == [["sh-1"], ["sh-1", "sh-2"]]


def test_what_a_task_has_raised_can_be_read_without_having_looked() -> None:
    async def main() -> object:
        async def fail() -> None:
            raise ModelError("down")

        task = asyncio.ensure_future(fail())
        await asyncio.wait({task})
        found = getattr(task, "_exception", None)
        task.exception()  # or it is reported
        return found

    assert isinstance(asyncio.run(main()), ModelError)
