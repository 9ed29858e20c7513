"""What goes wrong with the journal, or with the process."""

import errno
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, function_tool

from journal.errors import AppendError
from projections import DefaultSessionStore
from projections.adapters.openai_agents import mirror
from tests.adapters.forked import Say, fork_until_said, status_of
from tests.adapters.openai_agents.agents import (
    ASK_ROME,
    CALL_ROME,
    EACH_RUN,
    Run,
    agent,
    calls,
    run,
    says,
    weather,
)
from tests.adapters.reported import KEY, ROME, call, said, the_turn, turns
from tests.support import FaultyStorage, fails


@EACH_RUN
def test_a_full_disk_fails_no_run_is_logged_once_and_counted(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = FaultyStorage(fails("write", errno.ENOSPC, times=1000))
    store = DefaultSessionStore(tmp_path / "journal", storage=storage)
    with store, mirror(store, session_id="s") as handle:
        outputs = [run(agent(*ASK_ROME)).final_output for _ in range(2)]
    assert outputs == ["sunny"] * 2
    assert isinstance(handle.last_failure, AppendError)
    if run.__name__ == "run":  # the others' event loop may stop before it is told of the last
        assert handle.failures == 8, "twice: opened, call begun, call ended, closed"
    logged = [record for record in caplog.records if record.name == "journal"]
    assert ["No space left" in record.message for record in logged] == [True]


@EACH_RUN
def test_a_session_that_cannot_be_found_fails_no_run(
    run: Run, store: DefaultSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    def session_id(each: Agent[Any]) -> str:
        raise LookupError("whose agent is this?")

    with mirror(store, session_id=session_id) as handle:
        assert run(agent(*ASK_ROME)).final_output == "sunny"
    assert handle.failures == 1
    assert "whose agent is this?" in caplog.text
    assert store.list_sessions() == []


@EACH_RUN
@pytest.mark.parametrize("name", ["agent_started", "model_answered", "call_begins", "agent_ended"])
def test_a_mistake_in_the_mirroring_fails_no_run(
    name: str, run: Run, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from projections.adapters.openai_agents.runs import MirroredRun

    def wrong(*args: Any) -> Any:
        raise AttributeError("another release")

    monkeypatch.setattr(MirroredRun, name, wrong)
    with mirror(store, session_id="s") as handle:
        assert run(agent(*ASK_ROME)).final_output == "sunny"
    assert isinstance(handle.last_failure, AttributeError)
    (turn,) = turns(store)
    assert turn["status"] != "open"


def test_secrets_are_replaced(store: DefaultSessionStore, tmp_path: Path) -> None:
    asked = calls(("c-1", "weather", {"city": KEY}))
    with mirror(store, session_id="s"):
        run(agent(asked, says(f"your key is {KEY}")), f"keep {KEY}")
    assert len(turns(store)) == 1
    written = [path.read_text() for path in (tmp_path / "journal").iterdir() if path.is_file()]
    assert any("[REDACTED" in text for text in written)
    assert not any(KEY in text for text in written)


@EACH_RUN
def test_a_process_killed_in_a_call_leaves_an_open_turn(
    run: Run, store: DefaultSessionStore
) -> None:
    def call_for_ever(say: Say) -> None:
        @function_tool
        def waiting(at: str) -> str:
            "Waits for ever."
            say()
            return str(threading.Event().wait())

        mirror(str(store.session_dir), session_id="s")
        steps = [calls(CALL_ROME), calls(("c-wait", "waiting", {"at": "the door"}))]
        run(agent(*steps, tools=[weather, waiting]), "wait")

    child = fork_until_said(call_for_ever)
    os.kill(child, signal.SIGKILL)
    assert status_of(child) == -signal.SIGKILL
    assert turns(store) == [
        {
            "status": "open",
            "tool_calls": [ROME, call("c-wait", "waiting", "open")],
            "transcript": said("wait"),
        }
    ]
    done, waits = the_turn(store, "native")[1]["tool_calls"]
    assert (done["arguments"], done["result"]) == ({"city": "Rome"}, "sunny in Rome")
    assert waits["arguments"] == {"at": "the door"}
    assert "started_at" in waits
    assert "ended_at" not in waits
