"""What goes wrong with the journal, or with the process."""

import errno
import os
import signal
import threading
from pathlib import Path

import pytest
from praisonaiagents import Agent

from journal.errors import AppendError
from projections import DefaultSessionStore
from projections.adapters.praisonai import mirror
from tests.adapters.forked import Say, fork_until_said, status_of
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS, RUNS, Run, agent
from tests.adapters.reported import KEY, call, calls, said, the_turn, turns
from tests.support import FaultyStorage, fails

pytestmark = AS_PRAISONAI_IS


@pytest.mark.parametrize("run", [RUNS["chat"], RUNS["achat"]], ids=["chat", "achat"])
def test_a_full_disk_fails_no_turn_is_logged_once_and_counted(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = FaultyStorage(fails("write", errno.ENOSPC, times=1000))
    store = DefaultSessionStore(tmp_path / "journal", storage=storage)
    with store, mirror(store, session_id="s") as handle:
        answers = [run(agent(), "weather in Rome?") for _ in range(2)]
    assert answers == ['done: "sunny in Rome"'] * 2
    assert isinstance(handle.last_failure, AppendError)
    assert handle.failures == 8, "twice: opened, call begun, call ended, closed"
    logged = [record for record in caplog.records if record.name == "journal"]
    assert ["No space left" in record.message for record in logged] == [True]


def test_a_mistake_in_the_mirroring_fails_no_turn_either(
    store: DefaultSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    def session_id(each: Agent) -> str:
        raise LookupError("whose agent is this?")

    with mirror(store, session_id=session_id) as handle:
        assert agent().chat("weather in Rome?") == 'done: "sunny in Rome"'
    assert handle.failures == 1
    assert "whose agent is this?" in caplog.text


def test_secrets_are_replaced(store: DefaultSessionStore, tmp_path: Path) -> None:
    with mirror(store, session_id="s"):
        agent().chat(f"you with {KEY}")
    assert len(turns(store)) == 1
    written = [path.read_text() for path in (tmp_path / "journal").iterdir() if path.is_file()]
    assert written
    assert not any(KEY in text for text in written)


def test_a_process_killed_in_a_call_leaves_an_open_turn_with_all_that_was_asked_for(
    store: DefaultSessionStore,
) -> None:
    def call_for_ever(say: Say) -> None:
        def weather(city: str) -> str:
            "Waits for ever."
            say()
            return str(threading.Event().wait())

        mirror(str(store.session_dir), session_id="s")
        agent(tools=[weather]).chat("two cities")

    child = fork_until_said(call_for_ever)
    os.kill(child, signal.SIGKILL)
    assert status_of(child) == -signal.SIGKILL
    (turn,) = turns(store)
    assert (turn["status"], turn["transcript"]) == ("open", said("two cities"))
    assert calls(store) == [
        {**call("c-rome", "weather", "open"), "arguments": {"city": "Rome"}},
        {**call("c-bern", "weather", "open"), "arguments": {"city": "Bern"}},
    ]
    rome, bern = the_turn(store, "native")[1]["tool_calls"]
    assert ("started_at" in rome, "started_at" in bern) == (True, False)
