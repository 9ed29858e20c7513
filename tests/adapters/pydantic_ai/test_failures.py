"""What goes wrong with the journal, or with the process."""

import asyncio
import errno
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import (
    RunContext,
)
from pydantic_ai.models.test import TestModel

from journal.errors import AppendError
from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import mirror, runs
from projections.adapters.turns import Turn
from tests.adapters.forked import Say, fork_until_said, status_of
from tests.adapters.pydantic_ai.agents import FOREVER, RUNS, Run, agent, by_run_sync
from tests.adapters.reported import call, the_turn, turns
from tests.support import FaultyStorage, fails


@pytest.mark.parametrize("run", [by_run_sync, RUNS["run_stream"], RUNS["run_stream_events"]])
def test_a_full_disk_fails_no_run_is_logged_once_and_counted(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = FaultyStorage(fails("write", errno.ENOSPC, times=1000))
    full = DefaultSessionStore(tmp_path / "journal", storage=storage)
    with full, mirror(full, session_id="s") as handle:
        answers = [run(agent(), "weather in Rome?").strip() for _ in range(2)]
    assert answers == ["done: sunny in Rome"] * 2
    assert isinstance(handle.last_failure, AppendError)
    streamed = run is RUNS["run_stream"]  # its end is told once more when the stream is left
    assert handle.failures == (10 if streamed else 8), "opened, call begun, call ended, closed"
    logged = [record for record in caplog.records if record.name == "journal"]
    assert ["No space left" in record.message for record in logged] == [True]


def mistaken(ctx: RunContext[Any]) -> str:
    raise LookupError("whose run is this?")


@pytest.mark.parametrize(
    ("session_id", "message"),
    [(mistaken, "whose run is this?"), (lambda ctx: 7, "must return a string, not int")],
)
def test_a_mistake_of_the_session_id_fails_no_run(
    session_id: Any, message: str, store: DefaultSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    with mirror(store, session_id=session_id) as handle:
        assert agent().run_sync("weather in Rome?").output == "done: sunny in Rome"
    assert handle.failures == 1
    assert message in caplog.text
    assert store.list_sessions() == []


def test_an_output_that_cannot_be_shown_fails_no_run(
    store: DefaultSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    class Strange:
        def __str__(self) -> str:
            raise LookupError("nothing to show")

    def strange() -> Any:
        return found

    found = Strange()
    with mirror(store, session_id="s") as handle:
        result = agent(model=TestModel(), tools=[], output_type=strange).run_sync("you")
    assert result.output is found
    assert handle.failures == 1
    assert "nothing to show" in caplog.text
    assert [turn["status"] for turn in turns(store)] == ["completed"]


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("prompt_of", 1),
        ("answers_in", 3),
        ("output_text", 1),
        ("usage_of", 2),
        ("arguments_of", 2),
        ("result_of", 2),
    ],
)
def test_a_shape_that_is_not_known_fails_no_run(
    name: str, times: int, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a release that renames what is read there."""

    def renamed(*args: object) -> None:
        raise AttributeError("it has another name now")

    monkeypatch.setattr(runs, name, renamed)
    with mirror(store, session_id="s") as handle:
        assert agent().run_sync("weather in Rome?").output == "done: sunny in Rome"
    assert isinstance(handle.last_failure, AttributeError)
    assert handle.failures == times


def test_a_call_that_cannot_be_kept_is_made_all_the_same(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*args: object, **options: object) -> None:
        raise AttributeError("no calls any more")

    for step in ("call_asked", "call_started", "call_ended"):
        monkeypatch.setattr(Turn, step, wrong)
    with mirror(store, session_id="s") as handle:
        assert agent().run_sync("two cities").output == "done: sunny in Rome, sunny in Bern"
    assert isinstance(handle.last_failure, AttributeError)
    assert [turn["status"] for turn in turns(store)] == ["completed"]


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGKILL, "open"), (signal.SIGINT, "cancelled")]
)
def test_a_process_that_is_killed_in_a_call_leaves_an_open_turn_an_interrupted_one_does_not(
    number: int, status: str, store: DefaultSessionStore
) -> None:
    def call_for_ever(say: Say) -> None:
        async def ask(question: str) -> str:
            "Waits for ever."
            say()
            await asyncio.sleep(FOREVER)
            return "never"

        mirror(str(store.session_dir), session_id="s")
        agent(tools=[ask]).run_sync("ask")

    child = fork_until_said(call_for_ever)
    os.kill(child, number)
    assert status_of(child) == (1 if status == "cancelled" else -number)
    assert turns(store) == [
        {
            "status": status,
            "tool_calls": [call("c-ask", "ask", status)],
            "transcript": [{"role": "user", "content": "ask"}],
        }
    ]
    (found,) = the_turn(store, "native")[1]["tool_calls"]
    assert found["arguments"] == {"question": "why?"}, "what it was doing"
    assert "started_at" in found
