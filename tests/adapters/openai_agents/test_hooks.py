"""The program's own hooks beside ours, and ours without `mirror`."""

from pathlib import Path
from typing import Any

import pytest
from agents import (
    Agent,
    RunHooks,
    UserError,
)

from projections import DefaultSessionStore
from projections.adapters.openai_agents import JournalHooks, Mirror, mirror
from tests.adapters.openai_agents.agents import (
    ASK_ROME,
    CALL_BROKEN,
    CALL_ROME,
    EACH_RUN,
    HOOKS,
    ModelError,
    Run,
    agent,
    calls,
    run,
    says,
)
from tests.adapters.reported import ONE_CALL, ROME, call, changes, said, the_turn, turns, versions


class RecordingHooks(RunHooks[Any]):
    """Records each call, and what the journal has at that moment."""

    def __init__(self, store: DefaultSessionStore, fails_at: str = "") -> None:
        self.store = store
        self.fails_at = fails_at
        self.recorded: list[tuple[Any, ...]] = []

    def note(self, name: str, *what: Any) -> None:
        statuses = [turn["status"] for turn in turns(self.store)]
        self.recorded.append((name, *what, statuses))
        if name == self.fails_at:
            raise ModelError(name)

    async def on_agent_start(self, context: Any, agent: Any) -> None:
        self.note("agent_start", agent.name)

    async def on_llm_start(self, context: Any, agent: Any, prompt: Any, items: Any) -> None:
        self.note("llm_start", prompt, len(items))

    async def on_llm_end(self, context: Any, agent: Any, response: Any) -> None:
        self.note("llm_end", response.output[0].type)

    async def on_tool_start(self, context: Any, agent: Any, tool: Any) -> None:
        self.note("tool_start", context.tool_call_id, tool.name)

    async def on_tool_end(self, context: Any, agent: Any, tool: Any, result: object) -> None:
        self.note("tool_end", context.tool_call_id, result)

    async def on_handoff(self, context: Any, from_agent: Any, to_agent: Any) -> None:
        self.note("handoff", from_agent.name, to_agent.name)

    async def on_agent_end(self, context: Any, agent: Any, output: Any) -> None:
        self.note("agent_end", output)


def handing_over() -> Agent[Any]:
    other = agent(says("bye"), name="other")
    steps = [calls(CALL_ROME), calls(("c-pass", "transfer_to_other", {}))]
    return agent(*steps, handoffs=[other], instructions="Be brief.")


@EACH_RUN
def test_hooks_of_the_program_are_reported_the_same(run: Run, store: DefaultSessionStore) -> None:
    plain, mirrored = RecordingHooks(store), RecordingHooks(store)
    run(handing_over(), hooks=plain)
    with mirror(store, session_id="s"):
        run(handing_over(), hooks=mirrored)
    assert {name for name, *_ in plain.recorded} == set(HOOKS)
    assert [recorded[:-1] for recorded in mirrored.recorded] == [
        recorded[:-1] for recorded in plain.recorded
    ]
    statuses = {name: found for name, *_, found in mirrored.recorded[:-4]}
    assert statuses["tool_start"] == ["open"], "the journal has it before they are called"


@EACH_RUN
@pytest.mark.parametrize("name", HOOKS)
def test_hooks_that_fail_end_the_run_as_without_us(
    name: str, run: Run, store: DefaultSessionStore
) -> None:
    with mirror(store, session_id="s"), pytest.raises((ModelError, UserError)) as raised:
        run(handing_over(), hooks=RecordingHooks(store, fails_at=name))
    assert name in str(raised.value)
    (turn,) = turns(store)
    last = turns(store, "other")[0] if name == "agent_end" else turn
    assert last["status"] == "error"
    assert name in last["error"]


@EACH_RUN
def test_hooks_alone_mirror_the_run_that_they_are_passed_to(
    run: Run, store: DefaultSessionStore
) -> None:
    recorded = RecordingHooks(store)
    with Mirror(store) as handle:
        run(handing_over(), hooks=JournalHooks(handle, session_id="s", hooks=recorded))
        run(agent(name="not mirrored"))
    assert [name for name, *_ in recorded.recorded[:2]] == ["agent_start", "llm_start"]
    assert versions(store) == [*ONE_CALL[:3], ["completed", "completed", "completed"]]
    assert versions(store, "other") == [["open"], ["completed"]]
    assert changes(store) == [("native", "other", "transfer_to_other")]
    assert sorted(store.state_at("s")) == ["native", "other"]


def test_hooks_alone_know_a_failed_tool_by_the_words_of_the_sdk(
    store: DefaultSessionStore,
) -> None:
    with Mirror(store) as handle:
        hooks = JournalHooks(handle, session_id="s")
        run(agent(calls(CALL_BROKEN, CALL_ROME), says("sorry")), hooks=hooks)
    (turn,) = turns(store)
    words = "An error occurred while running the tool. Please try again."
    assert turn["tool_calls"] == [call("c-broken", "broken", "error", error=words), ROME]


def test_hooks_alone_close_a_turn_that_has_failed_when_they_see_the_next_run(
    store: DefaultSessionStore,
) -> None:
    with Mirror(store) as handle:
        hooks = JournalHooks(handle, session_id="s")
        with pytest.raises(ModelError):
            run(agent(calls(CALL_ROME), ModelError("no quota")), hooks=hooks)
        handle.recorder.join()
        assert [turn["status"] for turn in turns(store)] == ["open"]
        run(agent(), hooks=hooks)
    first, second = turns(store)
    assert (first["status"], first["error"]) == ("error", "the run ended early")
    assert second == {"status": "completed", "transcript": said("you", "hello")}


def test_hooks_alone_see_who_called_if_that_has_hooks_of_the_same_journal(
    store: DefaultSessionStore,
) -> None:
    with Mirror(store) as handle:
        inner = agent(*ASK_ROME, name="inner")
        tool = inner.as_tool("ask", "asks", hooks=JournalHooks(handle))
        outer = agent(calls(("c-ask", "ask", {"input": "it"})), says("done"), tools=[tool])
        run(outer, hooks=JournalHooks(handle, session_id="s"))
    outer_id, _ = the_turn(store, "native")
    _, state = the_turn(store, "inner")
    assert state["parent"] == {"runtime": "native", "turn": outer_id, "tool_call_id": "c-ask"}


def test_hooks_alone_take_no_call_of_another_journal_for_their_own(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    with Mirror(store) as handle, Mirror(tmp_path / "other") as other:
        inner = agent(*ASK_ROME, name="inner")
        tool = inner.as_tool("ask", "asks", hooks=JournalHooks(other, session_id="s"))
        outer = agent(calls(("c-ask", "ask", {"input": "it"})), says("done"), tools=[tool])
        run(outer, hooks=JournalHooks(handle, session_id="s"))
        _, state = the_turn(other.store, "inner")
    assert "parent" not in state
    assert list(store.state_at("s")) == ["native"]


def test_hooks_alone_do_not_say_that_a_run_went_well_that_other_hooks_end(
    store: DefaultSessionStore,
) -> None:
    with Mirror(store) as handle:
        recorded = RecordingHooks(store, fails_at="agent_end")
        with pytest.raises(ModelError):
            run(agent(), hooks=JournalHooks(handle, session_id="s", hooks=recorded))
    assert [turn["status"] for turn in turns(store)] == ["open"]


def test_hooks_alone_write_nothing_when_the_handle_is_closed(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    handle = Mirror(tmp_path / "other")
    hooks = JournalHooks(handle, session_id="s")
    handle.close()
    assert run(agent(*ASK_ROME), hooks=hooks).final_output == "sunny"
    assert handle.failures == 0
    assert not (tmp_path / "other").exists()


def test_nothing_is_mirrored_twice(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s") as handle:
        run(agent(), hooks=JournalHooks(handle, session_id="s"))
    assert len(turns(store)) == 1
