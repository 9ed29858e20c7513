"""Calls that wait for a person: the turn waits, and goes on as the same turn, in any process."""

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agents import (
    Agent,
    HostedMCPTool,
    ModelBehaviorError,
    Runner,
    RunState,
    ShellTool,
    function_tool,
)
from agents.tool import ApplyPatchTool, CustomTool

from projections import DefaultSessionStore
from projections.adapters.openai_agents import mirror
from tests.adapters.openai_agents.agents import (
    ASK_ROME,
    CALL_BERN,
    CALL_ROME,
    ModelError,
    Run,
    agent,
    calls,
    custom_call,
    guarded,
    inside,
    item,
    patch_call,
    run,
    run_streamed,
    run_sync,
    says,
    shell_call,
)
from tests.adapters.reported import calls as calls_of
from tests.adapters.reported import changes, said, the_turn, turns, versions

EACH_RUN = pytest.mark.parametrize(
    "run", [run, run_sync, run_streamed], ids=lambda run: run.__name__
)

NOT_STREAMED = pytest.mark.parametrize("run", [run, run_sync], ids=lambda run: run.__name__)
"""For items that the SDK's own test model cannot stream."""

Decide = Callable[[Any, Any], None]


def approve(state: Any, each: Any) -> None:
    state.approve(each)


def reject(state: Any, each: Any) -> None:
    state.reject(each)


def rejected_because(why: str) -> Decide:
    return lambda state, each: state.reject(each, rejection_message=why)


def decided(result: Any, *decisions: Decide | None) -> Any:
    """The state of a run that was interrupted, with what a person says of each call."""
    state = result.to_state()
    for each, decide in zip(state.get_interruptions(), decisions, strict=True):
        if decide is not None:
            decide(state, each)
    return state


def elsewhere(each: Agent[Any], state: Any) -> Any:
    """The state as another process reads it."""

    async def read() -> Any:
        return await RunState.from_string(each, state.to_string())

    return asyncio.run(read())


def statuses(store: DefaultSessionStore, runtime: str = "native") -> dict[str, str]:
    _, state = the_turn(store, runtime)
    return {each["id"]: each["status"] for each in state["tool_calls"]}


@EACH_RUN
def test_a_turn_waits_and_goes_on_as_the_same_turn(run: Run, store: DefaultSessionStore) -> None:
    each = agent(*ASK_ROME, tools=[guarded()])
    with mirror(store, session_id="s") as handle:
        result = run(each, "weather?")
        handle.recorder.join()
        turn_id, waiting = the_turn(store, "native")
        assert waiting["status"] == "waiting"
        assert "closed_at" not in waiting
        (call,) = waiting["tool_calls"]
        assert (call["status"], call["arguments"]) == ("waiting", {"city": "Rome"})
        assert "asked_at" in call
        assert "started_at" not in call
        assert run(each, decided(result, approve)).final_output == "sunny"
    assert handle.failures == 0
    again_id, state = the_turn(store, "native")
    assert again_id == turn_id
    assert state["status"] == "completed"
    assert state["transcript"] == said("weather?", "sunny")
    assert calls_of(store) == [
        {
            "id": "c-rome",
            "name": "weather",
            "status": "completed",
            "arguments": {"city": "Rome"},
            "result": "sunny in Rome",
            "answer": "allowed",
        }
    ]
    (call,) = state["tool_calls"]
    assert call["asked_at"] <= call["started_at"] <= call["ended_at"]
    assert versions(store) == [
        ["open"],
        ["waiting", "waiting"],
        ["open", "waiting"],
        ["open", "open"],
        ["open", "completed"],
        ["completed", "completed"],
    ]
    audit = store.audit("s")
    assert audit.ok
    assert audit.lost_calls == ()


@EACH_RUN
def test_it_goes_on_in_another_process(run: Run, tmp_path: Path) -> None:
    each = agent(*ASK_ROME, tools=[guarded()])
    with mirror(tmp_path / "journal", session_id="s"):
        state = decided(run(each, "weather?"), approve)
    with mirror(tmp_path / "journal", session_id="s") as handle:
        assert run(each, elsewhere(each, state)).final_output == "sunny"
    assert handle.failures == 0
    with DefaultSessionStore(tmp_path / "journal") as store:
        _, turn = the_turn(store, "native")
        assert (turn["status"], turn["transcript"]) == ("completed", said("weather?", "sunny"))
        (call,) = calls_of(store)
        assert (call["answer"], call["result"]) == ("allowed", "sunny in Rome")
        assert call["arguments"] == {"city": "Rome"}


@EACH_RUN
@pytest.mark.parametrize("why", [None, "not today"])
def test_what_a_person_refuses_is_denied(
    why: str | None, run: Run, store: DefaultSessionStore
) -> None:
    each = agent(calls(CALL_ROME, CALL_BERN), says("so be it"), tools=[guarded()])
    refuse = reject if why is None else rejected_because(why)
    with mirror(store, session_id="s") as handle:
        state = decided(run(each, "weather?"), refuse, approve)
        assert run(each, state).final_output == "so be it"
    assert handle.failures == 0
    rome, bern = calls_of(store)
    assert (rome["status"], rome["answer"], rome.get("error")) == ("denied", "denied", why)
    assert "result" not in rome
    assert (bern["status"], bern["answer"]) == ("completed", "allowed")
    assert store.audit("s").lost_calls == ()


@EACH_RUN
def test_calls_that_are_not_decided_yet_wait_on(run: Run, store: DefaultSessionStore) -> None:
    each = agent(calls(CALL_ROME, CALL_BERN), says("sunny"), tools=[guarded()])
    with mirror(store, session_id="s") as handle:
        result = run(each, "weather?")
        handle.recorder.join()
        assert statuses(store) == {"c-rome": "waiting", "c-bern": "waiting"}
        result = run(each, decided(result, None, approve))
        handle.recorder.join()
        assert statuses(store) == {"c-rome": "waiting", "c-bern": "completed"}
        assert the_turn(store, "native")[1]["status"] == "waiting"
        assert run(each, decided(result, approve)).final_output == "sunny"
    assert handle.failures == 0
    assert statuses(store) == {"c-rome": "completed", "c-bern": "completed"}
    assert the_turn(store, "native")[1]["status"] == "completed"


@EACH_RUN
def test_calls_beside_one_that_waits_end_before(run: Run, store: DefaultSessionStore) -> None:
    free = guarded(False, "free")
    asked = calls(CALL_ROME, ("c-free", "free", {"city": "Oslo"}))
    each = agent(asked, says("sunny"), tools=[guarded(), free])
    with mirror(store, session_id="s") as handle:
        result = run(each, "weather?")
        handle.recorder.join()
        assert statuses(store) == {"c-rome": "waiting", "c-free": "completed"}
        run(each, decided(result, approve))
    assert handle.failures == 0
    assert statuses(store) == {"c-rome": "completed", "c-free": "completed"}


def test_what_the_user_says_with_an_answer_is_in_the_turn(store: DefaultSessionStore) -> None:
    each = agent(*ASK_ROME, tools=[guarded()])
    with mirror(store, session_id="s"):
        state = decided(run(each, "weather?"), approve)
        state.add_input("in Celsius")
        run(each, state)
    _, turn = the_turn(store, "native")
    assert turn["transcript"] == [*said("weather?"), *said("in Celsius", "sunny")]


def test_a_state_from_which_a_turn_went_on_already_begins_a_turn_of_its_own(
    store: DefaultSessionStore,
) -> None:
    each = agent(*ASK_ROME, says("sunny"), tools=[guarded()])
    with mirror(store, session_id="s") as handle:
        state = decided(run(each, "weather?"), approve)
        copy = elsewhere(each, state)
        run(each, state)
        run(each, copy)
    assert handle.failures == 0
    assert [turn["status"] for turn in turns(store)] == ["completed", "completed"]
    assert [turn["tool_calls"][0]["status"] for turn in turns(store)] == ["completed"] * 2


@EACH_RUN
@pytest.mark.parametrize(("decide", "answer"), [(approve, "allowed"), (reject, "denied")])
def test_a_question_that_is_not_the_call_any_more_is_no_failure(
    decide: Decide, answer: str, run: Run, store: DefaultSessionStore
) -> None:
    """The SDK carries out the call, and lets nobody ask for the answer to the changed one."""
    each = agent(*ASK_ROME, tools=[guarded()])
    with mirror(store, session_id="s") as handle:
        state = elsewhere(each, decided(run(each, "weather?"), decide))
        (asked,) = state._current_step.interruptions
        asked.raw_item.arguments = json.dumps({"city": "Bern"})
        assert run(each, state).final_output == "sunny"
    assert handle.failures == 0
    (call,) = calls_of(store)
    assert (call["answer"], call["arguments"]) == (answer, {"city": "Rome"})
    assert the_turn(store, "native")[1]["status"] == "completed"


@EACH_RUN
def test_a_call_id_of_two_calls_fails_the_run_and_not_the_mirror(
    run: Run, store: DefaultSessionStore
) -> None:
    each = agent(*ASK_ROME, tools=[guarded()])
    with mirror(store, session_id="s") as handle:
        state = decided(run(each, "weather?"), approve)
        (asked,) = state._current_step.interruptions
        asked.raw_item = {
            "type": "custom_tool_call",
            "name": "query",
            "call_id": "c-rome",
            "input": "Rome",
        }
        with pytest.raises(ModelBehaviorError):
            run(each, state)
    assert handle.failures == 0
    (turn,) = turns(store)
    assert turn["status"] == "error"


def test_a_run_that_fails_after_an_answer_fails_its_turn(store: DefaultSessionStore) -> None:
    each = agent(calls(CALL_ROME), ModelError("no quota"), tools=[guarded()])
    with mirror(store, session_id="s"):
        state = decided(run(each, "weather?"), approve)
        with pytest.raises(ModelError):
            run(each, state)
    (turn,) = turns(store)
    assert (turn["status"], turn["error"]) == ("error", "ModelError: no quota")


# Tools whose hooks do not get the id of the call


class Editor:
    def create_file(self, operation: Any) -> Any:
        return "created"

    def update_file(self, operation: Any) -> Any:
        raise OSError("read-only")

    def delete_file(self, operation: Any) -> Any:
        return None


async def answer(context: Any, text: str) -> str:
    return f"seven is {text}"


OTHERS = {
    "shell": (ShellTool(executor=lambda _: "ok", needs_approval=True), shell_call, "ok"),
    "apply_patch": (ApplyPatchTool(editor=Editor(), needs_approval=True), patch_call, "created"),
    "query": (
        CustomTool(name="query", description="", on_invoke_tool=answer, needs_approval=True),
        custom_call,
        "seven is 7",
    ),
}


@NOT_STREAMED
@pytest.mark.parametrize("name", OTHERS)
def test_calls_of_other_tools_keep_their_ids(
    name: str, run: Run, store: DefaultSessionStore
) -> None:
    tool, asked, expected = OTHERS[name]
    each = agent([asked("c-1"), asked("c-2"), asked("c-3")], says("done"), tools=[tool])
    with mirror(store, session_id="s") as handle:
        result = run(each)
        handle.recorder.join()
        assert set(statuses(store).values()) == {"waiting"}
        result = run(each, decided(result, None, approve, reject))
        handle.recorder.join()
        assert statuses(store) == {"c-1": "waiting", "c-2": "completed", "c-3": "denied"}
        assert run(each, decided(result, approve)).final_output == "done"
    assert handle.failures == 0
    assert statuses(store) == {"c-1": "completed", "c-2": "completed", "c-3": "denied"}
    first, second, _ = calls_of(store)
    assert first["name"] == name
    assert (first["result"], second["result"]) == (expected, expected)
    assert first["arguments"]


@pytest.mark.parametrize("approves", [True, False])
def test_a_rule_that_answers_at_once_is_no_wait(
    approves: bool, store: DefaultSessionStore
) -> None:
    def rule(context: Any, asked: Any) -> Any:
        return {"approve": approves or asked.call_id == "c-2", "reason": "never c-1"}

    tool = ShellTool(executor=lambda _: "ok", needs_approval=True, on_approval=rule)
    each = agent([shell_call("c-1"), shell_call("c-2")], says("done"), tools=[tool])
    with mirror(store, session_id="s") as handle:
        run(each)
    assert handle.failures == 0
    assert statuses(store) == {"c-1": "completed" if approves else "denied", "c-2": "completed"}


def test_a_call_that_needs_no_approval_is_not_taken_for_one_before_it_that_does(
    store: DefaultSessionStore,
) -> None:
    def removes(context: Any, action: Any, call_id: str) -> bool:
        return bool(action.commands[0].startswith("rm"))

    tool = ShellTool(executor=lambda _: "ok", needs_approval=removes)
    asked = [shell_call("c-rm", "rm x"), shell_call("c-ls", "ls")]
    each = agent(asked, says("done"), tools=[tool])
    with mirror(store, session_id="s") as handle:
        state = decided(run(each), approve)
        handle.recorder.join()
        assert statuses(store) == {"c-rm": "waiting", "c-ls": "completed"}
        run(each, state)
    assert statuses(store) == {"c-rm": "completed", "c-ls": "completed"}


# Calls that the model's provider carries out

MCP = HostedMCPTool(
    tool_config={
        "type": "mcp",
        "server_label": "maps",
        "server_url": "https://example.invalid",
        "require_approval": "always",
    }
)


def request(call_id: str) -> Any:
    return item(
        "mcp_approval_request",
        id=call_id,
        name="lookup",
        server_label="maps",
        arguments='{"city": "Rome"}',
    )


def carried_out(call_id: str, **more: Any) -> Any:
    return item(
        "mcp_call",
        id=f"mcp-of-{call_id}",
        name="lookup",
        server_label="maps",
        arguments='{"city": "Rome"}',
        approval_request_id=call_id,
        **more,
    )


@NOT_STREAMED
@pytest.mark.parametrize("error", [None, {"type": "http_error", "code": 404, "message": "no"}])
def test_a_hosted_call_that_was_approved_ends_under_the_id_of_its_request(
    error: Any, run: Run, store: DefaultSessionStore
) -> None:
    answered = carried_out("c-1", output=None if error else "42 km", error=error)
    each = agent([request("c-1")], [answered, *says("done")], tools=[MCP])
    with mirror(store, session_id="s") as handle:
        result = run(each)
        handle.recorder.join()
        assert statuses(store) == {"c-1": "waiting"}
        assert run(each, decided(result, approve)).final_output == "done"
    assert handle.failures == 0
    (call,) = calls_of(store)
    assert (call["id"], call["name"], call["answer"]) == ("c-1", "lookup", "allowed")
    assert call["arguments"] == {"city": "Rome"}
    assert call["status"] == ("error" if error else "completed")
    assert call.get("result") == (None if error else "42 km")
    assert store.audit("s").lost_calls == ()


@NOT_STREAMED
def test_a_hosted_call_that_was_refused_is_denied(run: Run, store: DefaultSessionStore) -> None:
    each = agent([request("c-1")], says("so be it"), tools=[MCP])
    with mirror(store, session_id="s") as handle:
        run(each, decided(run(each), rejected_because("too far")))
    assert handle.failures == 0
    (call,) = calls_of(store)
    assert (call["status"], call["answer"], call["error"]) == ("denied", "denied", "too far")


@pytest.mark.parametrize("approves", [True, False])
def test_a_hosted_call_may_be_answered_by_a_rule(
    approves: bool, store: DefaultSessionStore
) -> None:
    def rule(asked: Any) -> Any:
        return {"approve": approves, "reason": "never"}

    tool = HostedMCPTool(tool_config=MCP.tool_config, on_approval_request=rule)
    after = [carried_out("c-1", output="42 km")] if approves else []
    each = agent([request("c-1")], [*after, *says("done")], tools=[tool])
    with mirror(store, session_id="s") as handle:
        run(each)
    assert handle.failures == 0
    (call,) = calls_of(store)
    assert call["status"] == ("completed" if approves else "denied")


# Agents in tools


@EACH_RUN
def test_an_agent_in_a_tool_that_waits_keeps_its_parent_its_turn_and_its_call(
    run: Run, store: DefaultSessionStore
) -> None:
    each = inside("c-ask", agent(*ASK_ROME, name="inner", tools=[guarded()]))
    with mirror(store, session_id="s") as handle:
        result = run(each)
        handle.recorder.join()
        assert statuses(store, "outer") == {"c-ask": "open"}
        assert statuses(store, "inner") == {"c-rome": "waiting"}
        (outer_id, outer), (inner_id, inner) = the_turn(store, "outer"), the_turn(store, "inner")
        assert (outer["status"], inner["status"]) == ("waiting", "waiting")
        assert run(each, decided(result, approve)).final_output == "done"
    assert handle.failures == 0
    check_nested(store, outer_id, inner_id)
    assert changes(store) == [
        ("outer", "inner", "ask"),
        ("inner", "outer", "ask"),
        ("outer", "inner", "ask"),
        ("inner", "outer", "ask"),
    ]


def check_nested(store: DefaultSessionStore, outer_id: str, inner_id: str) -> None:
    (outer_now, outer), (inner_now, inner) = the_turn(store, "outer"), the_turn(store, "inner")
    assert (outer_now, inner_now) == (outer_id, inner_id)
    assert (outer["status"], inner["status"]) == ("completed", "completed")
    assert inner["parent"] == {"runtime": "outer", "turn": outer_id, "tool_call_id": "c-ask"}
    assert outer["handoffs"] == [{"runtime": "inner", "turn": inner_id, "tool_call_id": "c-ask"}]
    assert statuses(store, "outer") == {"c-ask": "completed"}
    assert set(statuses(store, "inner").values()) == {"completed"}
    audit = store.audit("s")
    assert audit.ok
    assert audit.lost_calls == ()


@EACH_RUN
@pytest.mark.parametrize("away", [False, True])
def test_it_may_wait_twice(run: Run, away: bool, tmp_path: Path) -> None:
    steps = [calls(CALL_ROME), calls(CALL_BERN), says("sunny")]
    each = inside("c-ask", agent(*steps, name="inner", tools=[guarded()]))
    folder = tmp_path / "journal"
    state: Any = "you"
    for waits in (True, True, False):
        with mirror(folder, session_id="s") as handle:
            result = run(each, state)
            assert bool(result.interruptions) == waits
            if waits:
                state = decided(result, approve)
                state = elsewhere(each, state) if away else state
        assert handle.failures == 0
    with DefaultSessionStore(folder) as store:
        check_nested(store, the_turn(store, "outer")[0], the_turn(store, "inner")[0])
        assert statuses(store, "inner") == {"c-rome": "completed", "c-bern": "completed"}


@EACH_RUN
def test_agents_side_by_side_may_wait_and_are_answered_one_by_one(
    run: Run, store: DefaultSessionStore
) -> None:
    tools = [
        agent(*ASK_ROME, name=f"inner-{n}", tools=[guarded()]).as_tool(f"ask_{n}", "asks")
        for n in (1, 2)
    ]
    asked = calls(*((f"c-{n}", f"ask_{n}", {"input": "go"}) for n in (1, 2)))
    each = agent(asked, says("done"), name="outer", tools=tools)
    with mirror(store, session_id="s") as handle:
        result = run(each, decided(run(each), approve, None))
        handle.recorder.join()
        assert statuses(store, "outer") == {"c-1": "completed", "c-2": "open"}
        assert statuses(store, "inner-1") == {"c-rome": "completed"}
        assert statuses(store, "inner-2") == {"c-rome": "waiting"}
        assert run(each, decided(result, approve)).final_output == "done"
    assert handle.failures == 0
    outer_id, outer = the_turn(store, "outer")
    assert (outer["status"], len(outer["handoffs"])) == ("completed", 2)
    for n in (1, 2):
        _, inner = the_turn(store, f"inner-{n}")
        parent = {"runtime": "outer", "turn": outer_id, "tool_call_id": f"c-{n}"}
        assert (inner["parent"], inner["status"]) == (parent, "completed")
    assert store.audit("s").lost_calls == ()


@EACH_RUN
def test_an_agent_that_took_over_inside_a_call_and_waits_gives_the_session_back(
    run: Run, store: DefaultSessionStore
) -> None:
    last = agent(*ASK_ROME, name="last", tools=[guarded()])
    inner = agent(calls(("c-pass", "transfer_to_last", {})), name="inner", handoffs=[last])
    each = inside("c-ask", inner)
    with mirror(store, session_id="s") as handle:
        result = run(each)
        handle.recorder.join()
        assert run(each, decided(result, approve)).final_output == "done"
    assert handle.failures == 0
    inner_id, _ = the_turn(store, "inner")
    _, state = the_turn(store, "last")
    assert state["parent"] == {"runtime": "inner", "turn": inner_id, "tool_call_id": "c-pass"}
    assert state["status"] == "completed"
    assert changes(store) == [
        ("outer", "inner", "ask"),
        ("inner", "last", "transfer_to_last"),
        ("last", "outer", "ask"),
        ("outer", "last", "ask"),
        ("last", "outer", "ask"),
    ]
    assert store.audit("s").ok


@EACH_RUN
def test_who_was_handed_the_run_and_waits_is_who_goes_on(
    run: Run, store: DefaultSessionStore
) -> None:
    billing = agent(*ASK_ROME, name="billing", tools=[guarded()])
    triage = agent(calls(("c-pass", "transfer_to_billing", {})), name="triage", handoffs=[billing])
    with mirror(store, session_id="s") as handle:
        state = decided(run(triage), approve)
        assert run(triage, elsewhere(triage, state)).final_output == "sunny"
    assert handle.failures == 0
    triage_id, _ = the_turn(store, "triage")
    _, turn = the_turn(store, "billing")
    assert turn["parent"] == {"runtime": "triage", "turn": triage_id, "tool_call_id": "c-pass"}
    assert turn["status"] == "completed"
    assert changes(store) == [("triage", "billing", "transfer_to_billing")]


def test_ids_that_an_inner_agent_uses_too_are_not_mixed_up(store: DefaultSessionStore) -> None:
    """Many models count their calls anew."""
    inner = agent(
        calls(("call_0", "weather", {"city": "Rome"})),
        says("sunny"),
        name="inner",
        tools=[guarded()],
    )
    each = inside("call_0", inner)
    with mirror(store, session_id="s") as handle:
        result = run(each)
        handle.recorder.join()
        assert statuses(store, "outer") == {"call_0": "open"}
        assert statuses(store, "inner") == {"call_0": "waiting"}
        run(each, decided(result, approve))
    assert handle.failures == 0
    assert statuses(store, "outer") == {"call_0": "completed"}
    assert statuses(store, "inner") == {"call_0": "completed"}


def test_what_is_kept_survives_the_wait(tmp_path: Path) -> None:
    """The arguments were cut when they were asked for: they are not cut once more."""
    long = "x" * 5000
    each = agent(calls(("c-rome", "weather", {"city": long})), says("sunny"), tools=[guarded()])
    with mirror(tmp_path / "journal", session_id="s") as handle:
        result = run(each)
        (waiting,) = calls_of(handle.store)
        run(each, decided(result, approve))
        (after,) = calls_of(handle.store)
    assert waiting["cut"]["arguments"]["bytes"] == len(
        json.dumps({"city": long}, separators=(",", ":"))
    )
    assert after["arguments"] == waiting["arguments"]
    assert after["cut"]["arguments"] == waiting["cut"]["arguments"]


@pytest.mark.parametrize("always", [True, False])
def test_what_is_allowed_or_refused_for_good_does_not_wait_again(
    always: bool, store: DefaultSessionStore
) -> None:
    each = agent(calls(CALL_ROME), calls(CALL_BERN), says("so be it"), tools=[guarded()])

    def decide(state: Any, item: Any) -> None:
        if always:
            state.approve(item, always_approve=True)
        else:
            state.reject(item, always_reject=True)

    with mirror(store, session_id="s") as handle:
        assert run(each, decided(run(each), decide)).final_output == "so be it"
    assert handle.failures == 0
    expected = "completed" if always else "denied"
    assert statuses(store) == {"c-rome": expected, "c-bern": expected}
    rome, bern = calls_of(store)
    assert ("answer" in rome, "answer" in bern) == (True, False), "nobody was asked again"


@EACH_RUN
def test_a_handoff_beside_a_call_that_waits_is_carried_out_after_it(
    run: Run, store: DefaultSessionStore
) -> None:
    billing = agent(says("bye"), name="billing")
    asked = calls(CALL_ROME, ("c-pass", "transfer_to_billing", {}))
    each = agent(asked, tools=[guarded()], handoffs=[billing])
    with mirror(store, session_id="s") as handle:
        result = run(each)
        handle.recorder.join()
        assert statuses(store) == {"c-rome": "waiting", "c-pass": "open"}
        assert run(each, decided(result, approve)).final_output == "bye"
    assert handle.failures == 0
    assert statuses(store) == {"c-rome": "completed", "c-pass": "completed"}
    _, turn = the_turn(store, "billing")
    assert turn["parent"]["tool_call_id"] == "c-pass"
    assert changes(store) == [("native", "billing", "transfer_to_billing")]


@EACH_RUN
def test_an_agent_that_may_only_be_asked_with_approval(
    run: Run, store: DefaultSessionStore
) -> None:
    inner = agent(*ASK_ROME, name="inner")
    tool = inner.as_tool("ask", "asks", needs_approval=True)
    each = agent(
        calls(("c-ask", "ask", {"input": "please"})), says("done"), name="outer", tools=[tool]
    )
    with mirror(store, session_id="s") as handle:
        result = run(each)
        handle.recorder.join()
        assert statuses(store, "outer") == {"c-ask": "waiting"}
        assert run(each, decided(result, approve)).final_output == "done"
    assert handle.failures == 0
    check_nested(store, the_turn(store, "outer")[0], the_turn(store, "inner")[0])
    assert changes(store) == [("outer", "inner", "ask"), ("inner", "outer", "ask")]


def test_an_agent_that_goes_on_after_who_called_it_is_over(store: DefaultSessionStore) -> None:
    """A tool has run it, and did not wait for the answer."""
    results: list[Any] = []
    inner = agent(*ASK_ROME, name="inner", tools=[guarded()])

    @function_tool
    async def ask() -> str:
        results.append(await Runner.run(inner, "please"))
        return "a person has to decide"

    outer = agent(calls(("c-ask", "ask", {})), says("later"), name="outer", tools=[ask])
    with mirror(store, session_id="s") as handle:
        assert run(outer).final_output == "later"
        assert run(inner, decided(results[0], approve)).final_output == "sunny"
    assert handle.failures == 0
    outer_id, _ = the_turn(store, "outer")
    _, turn = the_turn(store, "inner")
    assert turn["status"] == "completed"
    assert turn["parent"] == {"runtime": "outer", "turn": outer_id, "tool_call_id": "c-ask"}
    assert changes(store) == [
        ("outer", "inner", "ask"),
        ("inner", "outer", "ask"),
        ("outer", "inner", "the turn before is over"),
    ]


@pytest.mark.parametrize("record", ["ids", "slices", "full"])
def test_it_is_found_however_much_is_kept(record: Any, tmp_path: Path) -> None:
    each = agent(*ASK_ROME, tools=[guarded()])
    with mirror(tmp_path / "journal", session_id="s", record=record) as handle:
        result = run(each)
        turn_id, _ = the_turn(handle.store, "native")
        run(each, decided(result, approve))
        assert the_turn(handle.store, "native")[0] == turn_id
        (call,) = calls_of(handle.store)
        assert (call["status"], call["answer"]) == ("completed", "allowed")


@EACH_RUN
def test_a_journal_that_cannot_be_read_does_not_hold_up_a_run(
    run: Run, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = agent(*ASK_ROME, tools=[guarded()])
    with mirror(store, session_id="s") as handle:
        state = decided(run(each), approve)

        def unreadable(*args: Any) -> Any:
            raise OSError("gone")

        monkeypatch.setattr(handle.recorder, "waiting_turn", unreadable)
        assert run(each, state).final_output == "sunny"
        assert isinstance(handle.last_failure, OSError)
    assert [turn["status"] for turn in turns(store)] == ["waiting", "completed"]


@EACH_RUN
def test_a_journal_that_hangs_holds_up_a_run_for_a_moment_only(
    run: Run, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = agent(*ASK_ROME, tools=[guarded()])
    for each_wait in ("openai_agents.resuming", "recorder"):
        monkeypatch.setattr(f"projections.adapters.{each_wait}.PATIENCE", 0.01)
    stuck = threading.Event()
    with mirror(store, session_id="s") as handle:
        state = decided(run(each), approve)
        monkeypatch.setattr(handle.recorder, "waiting_turn", lambda *args: stuck.wait(30))
        assert run(each, state).final_output == "sunny"
        stuck.set()
    assert [turn["status"] for turn in turns(store)] == ["waiting", "completed"]
