"""What goes wrong with the journal, or with the process."""

import errno
import os
import signal
from pathlib import Path

import pytest
from praisonaiagents import Agent

from journal.errors import AppendError
from projections import DefaultSessionStore
from projections.adapters.praisonai import mirror
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS, RUNS, Run, agent
from tests.adapters.reported import KEY, call, turns
from tests.support import FaultyStorage, fails, python

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


KILLED = """
import os, sys
from praisonaiagents import Agent
from projections.adapters.praisonai import mirror
from tests.adapters.praisonai.chat_server import serving
from tests.adapters.praisonai.agents import model

def waiting() -> str:
    "Waits for ever."
    print("in the call", flush=True)
    sys.stdin.read()

with serving(model) as server:
    os.environ.update(OPENAI_BASE_URL=server.url, OPENAI_API_KEY="none")
    mirror(sys.argv[1], session_id="s")
    agent = Agent(name="native", instructions="x", model="gpt-4o-mini", tools=[waiting])
    agent.chat("wait")
"""


def test_a_process_killed_in_a_call_leaves_an_open_turn(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    assert store.session_dir is not None
    process = python(KILLED, store.session_dir, stdin=-1, env={**os.environ, "NO_COLOR": "1"})
    assert process.stdout is not None
    while (line := process.stdout.readline()) and "in the call" not in line:
        pass
    assert line, process.communicate()[1]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (turn,) = turns(store)
    assert turn == {
        "status": "open",
        "tool_calls": [call("c-waiting", "waiting", "open")],
        "transcript": [{"role": "user", "content": "wait"}],
    }
