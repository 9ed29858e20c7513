"""Which session a run belongs to."""

import logging
from typing import Any

import pytest
from agents import (
    Agent,
    RunConfig,
    Runner,
    SQLiteSession,
    function_tool,
    set_trace_processors,
    set_tracing_disabled,
)

from projections import DefaultSessionStore
from projections.adapters.openai_agents import mirror
from tests.adapters.openai_agents.agents import ASK_ROME, RUNS, Run, agent, calls, run, says
from tests.adapters.reported import turns


def test_the_session_is_the_one_that_the_sdk_goes_by(store: DefaultSessionStore) -> None:
    session = SQLiteSession("own")
    with mirror(store):
        run(agent(), session=session, run_config=RunConfig(group_id="group"))
        run(agent(), run_config=RunConfig(group_id="group"))
        run(agent(), run_config={"group_id": "dict"})
        run(agent(), conversation_id="conversation", run_config=RunConfig(group_id="group"))
    session.close()
    for name in ("own", "group", "dict", "conversation"):
        assert [turn["status"] for turn in turns(store, session=name)] == ["completed"], name


@pytest.mark.parametrize("option", ["conversation_id", "group_id"])
def test_a_run_that_goes_on_from_a_state_stays_in_its_session(
    option: str, store: DefaultSessionStore
) -> None:
    @function_tool(name_override="weather", needs_approval=True)
    def guarded(city: str) -> str:
        return f"sunny in {city}"

    options: dict[str, Any] = {"conversation_id": "first"}
    if option == "group_id":
        options = {"run_config": RunConfig(group_id="first")}
        set_tracing_disabled(False)  # or the SDK keeps no group in the state
        set_trace_processors([])
    each = agent(*ASK_ROME, tools=[guarded])
    with mirror(store):
        state = run(each, "weather?", **options).to_state()
        state.approve(state.get_interruptions()[0])
        run(each, state)
    assert [info["session_id"] for info in store.list_sessions()] == ["first"]
    (turn,) = turns(store, session="first")
    assert turn["status"] == "completed"


def test_a_session_that_has_its_id_only_when_it_is_in_use_is_found(
    store: DefaultSessionStore,
) -> None:
    """As those of OpenAI's servers are."""

    class Remote(SQLiteSession):
        used = False

        @property
        def session_id(self) -> str:
            if not self.used:
                raise ValueError("it is not known yet")
            return "remote"

        @session_id.setter
        def session_id(self, value: str) -> None:
            self.own = value

        async def get_items(self, *args: Any, **options: Any) -> list[Any]:
            self.used = True
            return []

        async def add_items(self, items: list[Any]) -> None:
            pass

    session = Remote("local")
    with mirror(store) as handle:
        run(agent(), session=session)
    session.close()
    assert handle.failures == 0
    assert [turn["status"] for turn in turns(store, session="remote")] == ["completed"]
    assert len(store.list_sessions()) == 1


@pytest.mark.parametrize("run", RUNS)
def test_what_is_no_session_fails_no_run(run: Run, store: DefaultSessionStore) -> None:
    with mirror(store, session_id=lambda each: [each.name]) as handle:  # type: ignore[arg-type, return-value]
        assert run(agent(says("hello")), "you").final_output == "hello"
    assert isinstance(handle.last_failure, TypeError)
    assert store.list_sessions() == []


def test_the_empty_id_is_a_session_too(store: DefaultSessionStore) -> None:
    with mirror(store, session_id=lambda each: ""):
        run(agent(), conversation_id="other")
    assert [info["session_id"] for info in store.list_sessions()] == [""]


def test_the_chosen_session_goes_before_that(store: DefaultSessionStore) -> None:
    asked: list[str] = []

    def chosen(each: Agent[Any]) -> str | None:
        asked.append(each.name)
        return "chosen" if each.name == "native" else None

    with mirror(store, session_id=chosen):
        run(agent(), run_config=RunConfig(group_id="group"))
        run(agent(name="other"), run_config=RunConfig(group_id="group"))
    assert set(asked) == {"native", "other"}
    assert len(turns(store, session="chosen")) == 1
    assert list(store.state_at("group")) == ["other"]


def test_runs_without_a_session_share_one_and_inner_runs_have_their_outers(
    store: DefaultSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "journal"), mirror(store):
        run(agent(name="first"))
        run(agent(name="second"))

        @function_tool
        async def ask() -> str:
            await Runner.run(agent(name="inner"), "go")
            return "done"

        outer = agent(calls(("c-1", "ask", {})), says("ok"), tools=[ask], name="outer")
        run(outer, run_config=RunConfig(group_id="group"))
    assert sorted(store.state_at("group")) == ["inner", "outer"]
    (made_up,) = {info["session_id"] for info in store.list_sessions()} - {"group"}
    assert made_up.startswith("openai-agents-")
    assert sorted(store.state_at(made_up)) == ["first", "second"]
    messages = [record.message for record in caplog.records if record.name == "journal"]
    assert [repr(made_up) in message for message in messages] == [True]
