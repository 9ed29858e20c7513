"""What is recorded of each call, and the calls that no hook of the SDK tells of."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from agents import (
    Computer,
    ComputerTool,
    FunctionTool,
    LocalShellTool,
    ModelBehaviorError,
    RunConfig,
    Runner,
    ShellTool,
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrail,
    ToolOutputGuardrailTripwireTriggered,
    function_tool,
)
from agents.testing import function_call
from agents.tool import ApplyPatchTool, CustomTool

from projections import DefaultSessionStore
from projections.adapters.openai_agents import JournalHooks, Mirror, mirror
from projections.adapters.openai_agents.response_calls import ResponseCalls
from projections.adapters.turns import Turn
from tests.adapters.openai_agents.agents import (
    ASK_ROME,
    CALL_BERN,
    CALL_BROKEN,
    CALL_ROME,
    EACH_RUN,
    Run,
    agent,
    calls,
    custom_call,
    item,
    patch_call,
    run,
    says,
    shell_call,
)
from tests.adapters.reported import calls as calls_of
from tests.adapters.reported import the_turn, turns
from tests.growth.counting import steps


def by_id(store: DefaultSessionStore, runtime: str = "native") -> dict[str, Any]:
    return {each["id"]: each for each in calls_of(store, runtime)}


@EACH_RUN
def test_each_call_has_its_arguments_its_result_and_its_times(
    run: Run, store: DefaultSessionStore
) -> None:
    asked = calls(CALL_ROME, CALL_BROKEN, CALL_BERN)
    with mirror(store, session_id="s"):
        run(agent(asked, says("one is missing")))
    assert calls_of(store) == [
        {
            "id": "c-rome",
            "name": "weather",
            "status": "completed",
            "arguments": {"city": "Rome"},
            "result": "sunny in Rome",
        },
        {
            "id": "c-broken",
            "name": "broken",
            "status": "error",
            "arguments": {},
            "error": "ValueError: no such city",
        },
        {
            "id": "c-bern",
            "name": "weather",
            "status": "completed",
            "arguments": {"city": "Bern"},
            "result": "sunny in Bern",
        },
    ]
    _, turn = the_turn(store, "native")
    for each in turn["tool_calls"]:
        assert turn["opened_at"] <= each["started_at"] <= each["ended_at"] <= turn["closed_at"]


@EACH_RUN
def test_all_calls_of_a_response_are_named_before_any_of_their_tools_runs(
    run: Run, store: DefaultSessionStore
) -> None:
    seen: list[dict[str, Any]] = []

    @function_tool(name_override="weather")
    def looking(city: str) -> str:
        (turn,) = store.get_runtime_state("s", "native").values()
        seen.append({each["id"]: each.get("arguments") for each in turn["tool_calls"]})
        return "sunny"

    asked = calls(CALL_ROME, CALL_BERN)
    with mirror(store, session_id="s"):
        run(agent(asked, says("done"), tools=[looking]))
    assert seen == [{"c-rome": {"city": "Rome"}, "c-bern": {"city": "Bern"}}] * 2


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"city": ', "no JSON"])
def test_arguments_that_are_not_an_object_are_shown_as_they_are(
    text: str, store: DefaultSessionStore
) -> None:
    asked: Any = function_call("weather", {}, call_id="c-1")
    asked.arguments = text
    with mirror(store, session_id="s") as handle:
        run(agent([asked], says("sorry")))
    assert handle.failures == 0
    (call,) = calls_of(store)
    assert (call["arguments"], call["status"]) == (text, "error")
    assert "Error" in call["error"]


# Calls that are answered without running


def rejecting(kind: type[Any], behave: Any) -> Any:
    return kind(guardrail_function=lambda data: behave)


REJECTS = ToolGuardrailFunctionOutput.reject_content("not that city")
RAISES = ToolGuardrailFunctionOutput.raise_exception("never")


def watched(before: Any = None, after: Any = None) -> FunctionTool:
    tool = function_tool(lambda city: f"sunny in {city}", name_override="weather")
    tool.tool_input_guardrails = [before] if before else None
    tool.tool_output_guardrails = [after] if after else None
    return tool


@EACH_RUN
def test_a_call_that_a_guardrail_refuses_is_denied(run: Run, store: DefaultSessionStore) -> None:
    tool = watched(before=rejecting(ToolInputGuardrail, REJECTS))
    with mirror(store, session_id="s") as handle:
        assert run(agent(*ASK_ROME, tools=[tool])).final_output == "sunny"
    assert handle.failures == 0
    (call,) = calls_of(store)
    assert call == {
        "id": "c-rome",
        "name": "weather",
        "status": "denied",
        "arguments": {"city": "Rome"},
        "error": "not that city",
    }
    assert store.audit("s").lost_calls == ()


@EACH_RUN
def test_a_call_for_which_a_guardrail_stops_the_run_is_denied(
    run: Run, store: DefaultSessionStore
) -> None:
    tool = watched(before=rejecting(ToolInputGuardrail, RAISES))
    other = function_tool(lambda: "fine", name_override="other")
    asked = calls(CALL_ROME, ("c-other", "other", {}))
    with mirror(store, session_id="s"), pytest.raises(ToolInputGuardrailTripwireTriggered):
        run(agent(asked, tools=[tool, other]))
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert by_id(store)["c-rome"]["status"] == "denied"
    assert by_id(store)["c-rome"]["error"].startswith("ToolInputGuardrailTripwireTriggered")


def test_a_result_for_which_a_guardrail_stops_the_run_is_an_error_of_its_call(
    store: DefaultSessionStore,
) -> None:
    tool = watched(after=rejecting(ToolOutputGuardrail, RAISES))
    with mirror(store, session_id="s"), pytest.raises(ToolOutputGuardrailTripwireTriggered):
        run(agent(*ASK_ROME, tools=[tool]))
    (call,) = calls_of(store)
    assert call["status"] == "error"
    assert call["error"].startswith("ToolOutputGuardrailTripwireTriggered")


def test_which_of_several_calls_a_guardrail_has_stopped_is_not_guessed(
    store: DefaultSessionStore,
) -> None:
    tool = watched(before=rejecting(ToolInputGuardrail, RAISES))
    with mirror(store, session_id="s"), pytest.raises(ToolInputGuardrailTripwireTriggered):
        run(agent(calls(CALL_ROME, CALL_BERN), tools=[tool]))
    assert {each["status"] for each in calls_of(store)} == {"cancelled"}


@EACH_RUN
def test_a_result_that_a_guardrail_replaces_is_the_result(
    run: Run, store: DefaultSessionStore
) -> None:
    tool = watched(after=rejecting(ToolOutputGuardrail, REJECTS))
    with mirror(store, session_id="s"):
        run(agent(*ASK_ROME, tools=[tool]))
    (call,) = calls_of(store)
    assert (call["status"], call["result"]) == ("completed", "not that city")


@EACH_RUN
@pytest.mark.parametrize("beside", [(), (CALL_ROME,)])
def test_a_call_of_a_tool_that_does_not_exist_is_an_error(
    beside: Any, run: Run, store: DefaultSessionStore
) -> None:
    asked = calls(*beside, ("c-no", "nothing", {"at": "all"}))
    config = RunConfig(tool_not_found_behavior="return_error_to_model")
    with mirror(store, session_id="s") as handle:
        assert run(agent(asked, says("sorry")), run_config=config).final_output == "sorry"
    assert handle.failures == 0
    call = by_id(store)["c-no"]
    assert (call["status"], call["error"]) == ("error", "Tool 'nothing' not found.")
    assert call["arguments"] == {"at": "all"}
    assert {each["status"] for each in calls_of(store)} <= {"error", "completed"}


def test_a_tool_that_does_not_exist_may_be_worded_by_the_program(
    store: DefaultSessionStore,
) -> None:
    config = RunConfig(
        tool_not_found_behavior="return_error_to_model",
        tool_error_formatter=lambda asked: "try another",
    )
    with mirror(store, session_id="s"):
        run(agent(calls(("c-no", "nothing", {})), says("sorry")), run_config=config)
    (call,) = calls_of(store)
    assert (call["status"], call["error"]) == ("error", "try another")


@EACH_RUN
def test_a_tool_that_does_not_exist_and_ends_the_run_is_an_error_of_its_call(
    run: Run, store: DefaultSessionStore
) -> None:
    with mirror(store, session_id="s"), pytest.raises(ModelBehaviorError):
        run(agent(calls(CALL_ROME, ("c-no", "nothing", {}))))
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert by_id(store)["c-rome"]["status"] == "cancelled"
    assert by_id(store)["c-no"]["status"] == "error"
    assert "Tool nothing not found" in by_id(store)["c-no"]["error"]


@EACH_RUN
def test_of_several_handoffs_in_a_response_one_is_carried_out(
    run: Run, store: DefaultSessionStore
) -> None:
    first, second = agent(says("bye"), name="first"), agent(name="second")
    asked = calls(("c-1", "transfer_to_first", {}), CALL_ROME, ("c-2", "transfer_to_second", {}))
    with mirror(store, session_id="s") as handle:
        assert run(agent(asked, handoffs=[first, second])).final_output == "bye"
    assert handle.failures == 0
    assert {key: each["status"] for key, each in by_id(store).items()} == {
        "c-1": "completed",
        "c-rome": "completed",
        "c-2": "cancelled",
    }
    assert store.audit("s").lost_calls == ()
    (change,) = store.audit("s").changes
    assert (change.source, change.target, change.reason) == (
        "native",
        "first",
        "transfer_to_first",
    )


def test_an_output_that_ends_the_run_at_once_ends_all_calls_of_its_response(
    store: DefaultSessionStore,
) -> None:
    """The model is not asked again: what a guardrail refused is only in what the run returns."""
    refused = watched(before=rejecting(ToolInputGuardrail, REJECTS))
    free = function_tool(lambda: "fine", name_override="other")
    each = agent(
        calls(("c-other", "other", {}), CALL_ROME),
        tools=[free, refused],
        tool_use_behavior="stop_on_first_tool",
    )
    with mirror(store, session_id="s"):
        assert run(each).final_output == "fine"
    assert {key: each["status"] for key, each in by_id(store).items()} == {
        "c-other": "completed",
        "c-rome": "denied",
    }
    (turn,) = turns(store)
    assert turn["transcript"][-1] == {"role": "assistant", "content": "fine"}


# Tools that are no functions


class Failing:
    def create_file(self, operation: Any) -> Any:
        raise OSError("read-only")

    update_file = delete_file = create_file


async def fails(context: Any, text: Any = None) -> str:
    raise OSError("read-only")


OTHERS = {
    "shell": (ShellTool(executor=fails), shell_call("c-1")),
    "apply_patch": (ApplyPatchTool(editor=Failing()), patch_call("c-1")),
    "query": (CustomTool(name="query", description="", on_invoke_tool=fails), custom_call("c-1")),
}


@pytest.mark.parametrize("name", OTHERS)
def test_errors_of_other_tools_are_errors_of_their_calls(
    name: str, store: DefaultSessionStore
) -> None:
    tool, asked = OTHERS[name]
    with mirror(store, session_id="s") as handle:
        assert run(agent([asked], says("sorry"), tools=[tool])).final_output == "sorry"
    assert handle.failures == 0
    (call,) = calls_of(store)
    assert (call["name"], call["status"]) == (name, "error")
    assert call["error"] == "OSError: read-only"


class Screen(Computer):
    """A computer of which only the screen is looked at."""

    def screenshot(self) -> str:
        return "aGVsbG8="

    def _nothing(self, *args: Any) -> Any: ...

    click: Any = _nothing
    double_click: Any = _nothing
    scroll: Any = _nothing
    type: Any = _nothing
    wait: Any = _nothing
    move: Any = _nothing
    keypress: Any = _nothing
    drag: Any = _nothing


def test_what_a_computer_and_a_local_shell_are_asked_for_and_show_is_there(
    store: DefaultSessionStore,
) -> None:
    looks = item(
        "computer_call",
        id="i-1",
        call_id="c-look",
        status="completed",
        action={"type": "screenshot"},
        pending_safety_checks=[],
    )
    lists = item(
        "local_shell_call",
        id="i-2",
        call_id="c-list",
        status="completed",
        action={"type": "exec", "command": ["ls"], "env": {}},
    )
    tools = [ComputerTool(computer=Screen()), LocalShellTool(executor=lambda _: "a.txt")]
    with mirror(store, session_id="s") as handle:
        run(agent([looks], [lists], says("done"), tools=tools))
    assert handle.failures == 0
    found = by_id(store)
    assert found["c-look"]["status"] == found["c-list"]["status"] == "completed"
    assert found["c-look"]["arguments"] == {"type": "screenshot"}
    assert found["c-look"]["result"] == "aGVsbG8="
    assert found["c-list"]["arguments"]["command"] == ["ls"]
    assert found["c-list"]["result"] == "a.txt"
    assert set(found) == {"c-look", "c-list"}


def test_an_editor_that_says_that_it_failed_makes_an_error(store: DefaultSessionStore) -> None:
    from agents.editor import ApplyPatchResult

    class Unwilling(Failing):
        def create_file(self, operation: Any) -> Any:
            return ApplyPatchResult(status="failed", output="no such line")

    tool = ApplyPatchTool(editor=Unwilling())
    with mirror(store, session_id="s"):
        run(agent([patch_call("c-1")], says("sorry"), tools=[tool]))
    (call,) = calls_of(store)
    assert (call["status"], call["error"]) == ("error", "no such line")


def test_what_the_models_side_was_asked_for_and_found_is_there(
    store: DefaultSessionStore,
) -> None:
    hosted = [
        item(
            "mcp_call",
            id="mcp-1",
            name="lookup",
            arguments='{"city": "Rome"}',
            server_label="maps",
            output="42 km",
        ),
        item("file_search_call", id="fs-1", queries=["Rome"], status="completed", results=[]),
        item(
            "code_interpreter_call",
            id="ci-1",
            code="6 * 7",
            container_id="box",
            outputs=[{"type": "logs", "logs": "42"}],
            status="completed",
        ),
        item("image_generation_call", id="ig-1", result="A" * 9999, status="failed"),
    ]
    with mirror(store, session_id="s") as handle:
        run(agent([*hosted, *says("found")]))
    assert handle.failures == 0
    found = by_id(store)
    assert (found["mcp-1"]["arguments"], found["mcp-1"]["result"]) == ({"city": "Rome"}, "42 km")
    assert (found["fs-1"]["arguments"], found["fs-1"]["result"]) == (["Rome"], [])
    assert found["ci-1"]["arguments"] == "6 * 7"
    assert found["ci-1"]["result"] == [{"type": "logs", "logs": "42"}]
    assert found["ig-1"] == {"id": "ig-1", "name": "image_generation", "status": "error"}


# Runs that are cancelled


def test_a_tool_in_a_thread_may_still_run_when_its_turn_is_cancelled(
    store: DefaultSessionStore,
) -> None:
    begun, waits, going_on = asyncio.Event(), asyncio.Event(), threading.Event()

    async def main() -> None:
        loop = asyncio.get_running_loop()

        @function_tool
        def blocking() -> str:
            loop.call_soon_threadsafe(begun.set)
            going_on.wait(30)
            return "done"

        @function_tool
        async def waiting() -> str:
            waits.set()
            await asyncio.Event().wait()
            return "never"

        asked = calls(("c-thread", "blocking", {}), ("c-task", "waiting", {}))
        task = asyncio.create_task(Runner.run(agent(asked, tools=[blocking, waiting]), "go"))
        await begun.wait()
        await waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        going_on.set()

    with mirror(store, session_id="s") as handle:
        asyncio.run(main())
    assert handle.failures == 0
    (turn,) = turns(store)
    assert turn["status"] == "cancelled"
    assert {key: each["status"] for key, each in by_id(store).items()} == {
        "c-thread": "open",
        "c-task": "cancelled",
    }


# How much is kept


@pytest.mark.parametrize(("record", "most"), [("ids", 0), ("slices", 1024), ("full", 65536)])
def test_how_much_of_a_value_is_kept_is_chosen_once(
    record: Any, most: int, tmp_path: Path
) -> None:
    @function_tool(name_override="weather")
    def long(city: str) -> str:
        return city * 3

    asked = calls(
        ("c-1", "weather", {"city": "R" * 500}), ("c-2", "weather", {"city": "B" * 9000})
    )
    with mirror(tmp_path / "journal", session_id="s", record=record) as handle:
        run(agent(asked, says("done"), tools=[long]), "w" * 9000)
        _, turn = the_turn(handle.store, "native")
    short, longer = turn["tool_calls"]
    assert ("arguments" in short, "transcript" in turn) == (most > 0, most > 0)
    if most:
        assert short["arguments"] == {"city": "R" * 500}
        assert ("cut" in longer) == (record == "slices")
        assert ("cut" in turn["transcript"][0]) == (record == "slices")
    assert short["status"] == longer["status"] == "completed"
    assert short["ended_at"]


def test_hooks_alone_find_the_calls_that_no_hook_tells_of(store: DefaultSessionStore) -> None:
    refused = watched(before=rejecting(ToolInputGuardrail, REJECTS))
    with Mirror(store) as handle:
        hooks = JournalHooks(handle, session_id="s")
        run(agent(*ASK_ROME, tools=[refused]), hooks=hooks)
    assert handle.failures == 0
    (call,) = calls_of(store)
    assert (call["status"], call["arguments"]) == ("denied", {"city": "Rome"})


# What it costs


def test_what_a_response_costs_does_not_grow_with_the_history() -> None:
    """The model is shown all of it, over and over; only its end is looked at."""

    def of_history(length: int) -> int:
        shown: list[Any] = [
            {"type": "function_call_output", "call_id": f"old-{number}", "output": "x"}
            for number in range(length)
        ]
        shown.append({"type": "function_call_output", "call_id": "c-rome", "output": "x"})
        each = ResponseCalls(Turn("s", "native"))
        each.asked(agent(), calls(CALL_ROME))
        return steps(lambda: each.answered(shown))

    of_history(10)
    assert of_history(2000) == of_history(1000)
