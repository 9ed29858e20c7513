"""Which session and which runtime a turn belongs to."""

import json
import logging
from pathlib import Path

import pytest
from praisonaiagents import Agent
from praisonaiagents.config.feature_configs import (
    MemoryConfig,
)
from praisonaiagents.session import store as praisonai_store

from projections import DefaultSessionStore
from projections.adapters.praisonai import JournalSessionStore, mirror
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS, agent
from tests.adapters.reported import turns

pytestmark = AS_PRAISONAI_IS


def test_an_agents_own_session_gets_its_turns_and_its_messages(tmp_path: Path) -> None:
    config = {"persist_path": str(tmp_path / "journal"), "mirror_runtime_state": True}
    with mirror(config) as handle:
        agent(memory=MemoryConfig(session_id="own")).chat("you")
        assert [turn["status"] for turn in turns(handle.store, session="own")] == ["completed"]
        there = praisonai_store.get_default_session_store()
        assert isinstance(there, JournalSessionStore)
        assert there.get_session("own").runtime_state == handle.store.state_at("own")
    document = json.loads((tmp_path / "journal" / "own.json").read_bytes())
    assert [message["content"] for message in document["messages"]] == ["you", "hello, you"]
    assert list(document["runtime_state"]) == ["native"]


def test_agents_without_a_session_share_one(
    store: DefaultSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "journal"), mirror(store):
        agent("first").chat("you")
        agent("second").chat("you")
    (info,) = store.list_sessions()
    assert info["session_id"].startswith("praisonai-")
    assert sorted(store.state_at(info["session_id"])) == ["first", "second"]
    assert [repr(info["session_id"]) in record.message for record in caplog.records] == [True]


def test_an_agent_without_a_name_has_the_one_that_praisonai_shows(
    store: DefaultSessionStore,
) -> None:
    nameless = Agent(instructions="Be brief.", model="gpt-4o-mini")
    with mirror(store, session_id="s"):
        nameless.chat("you")
    assert list(store.state_at("s")) == [nameless.display_name]
