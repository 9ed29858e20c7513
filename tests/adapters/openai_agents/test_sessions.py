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
)

from projections import DefaultSessionStore
from projections.adapters.openai_agents import mirror
from tests.adapters.openai_agents.agents import agent, calls, run, says
from tests.adapters.told import turns


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
