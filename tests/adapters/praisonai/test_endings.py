"""Turns that fail, are stopped, cancelled or left in the middle."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from praisonaiagents.agent.interrupt import InterruptController

from projections import DefaultSessionStore
from projections.adapters.praisonai import mirror
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS, EACH_RUN, RUNS, Run, agent, outcome
from tests.adapters.reported import call, said, turns
from tests.support import FaultyStorage, no_fault

pytestmark = AS_PRAISONAI_IS


@EACH_RUN
def test_a_tool_that_fails_is_marked(run: Run, store: DefaultSessionStore) -> None:
    """Some ways to run an agent raise then, others tell the model: as without us."""
    plain = outcome(run, "break it")
    with mirror(store, session_id="s"):
        assert outcome(run, "break it") == plain
    (turn,) = turns(store)
    (found,) = turn["tool_calls"]
    assert (found["id"], found["name"], found["status"]) == ("c-broken", "broken", "error")
    assert "no such city" in found["error"]
    assert turn["status"] == ("error" if plain.startswith("ToolExecutionError") else "completed")


@EACH_RUN
def test_a_model_that_fails_ends_the_turn_with_an_error(
    run: Run, store: DefaultSessionStore
) -> None:
    plain = outcome(run, "fail")
    with mirror(store, session_id="s"):
        assert outcome(run, "fail") == plain, "the agent answers as without us"
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert turn["error"]


@pytest.mark.parametrize("run", [RUNS["chat"], RUNS["achat"]], ids=["chat", "achat"])
def test_the_models_own_words_are_in_the_error(run: Run, store: DefaultSessionStore) -> None:
    """PraisonAI returns None and shows the error: it is picked up where it is shown."""
    with mirror(store, session_id="s"):
        assert run(agent(), "fail") is None
    (turn,) = turns(store)
    assert "made to fail" in turn["error"]


def test_a_stream_left_in_the_middle_is_cancelled(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        stream = agent().iter_stream("you and you and you")
        first = next(stream)
        (open_turn,) = turns(store)
        stream.close()
    (turn,) = turns(store)
    assert open_turn["status"] == "open"
    assert turn["status"] == "cancelled"
    assert turn["transcript"] == said("you and you and you", first)


def test_a_cancelled_task_cancels_the_turn(store: DefaultSessionStore) -> None:
    async def main() -> None:
        begun = asyncio.Event()

        async def waiting() -> str:
            """Waits for ever."""
            begun.set()
            await asyncio.Event().wait()
            return "never"

        task = asyncio.create_task(agent(tools=[waiting]).achat("wait"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with mirror(store, session_id="s"):
        asyncio.run(main())
    (turn,) = turns(store)
    assert turn["status"] == "cancelled"
    assert [found["status"] for found in turn["tool_calls"]] == ["cancelled"]


def test_calls_of_a_cancelled_turn_stay_open_unless_they_were_seen_to_be_cancelled(
    store: DefaultSessionStore,
) -> None:
    """PraisonAI runs them one after the other: the second one has not begun."""

    async def main() -> None:
        begun = asyncio.Event()

        async def weather(city: str) -> str:
            """Waits for ever."""
            begun.set()
            await asyncio.Event().wait()
            return city

        task = asyncio.create_task(agent(tools=[weather]).achat("two cities"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with mirror(store, session_id="s"):
        asyncio.run(main())
    (turn,) = turns(store)
    assert turn["status"] == "cancelled"
    assert turn["tool_calls"] == [
        call("c-rome", "weather", "cancelled", error="CancelledError"),
        call("c-bern", "weather", "open"),
    ]


def test_an_interrupt_from_the_keyboard_passes_and_cancels_the_turn(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    each = agent()
    monkeypatch.setattr(each, "_chat_impl", interrupted)
    with mirror(store, session_id="s"), pytest.raises(KeyboardInterrupt):
        each.chat("you")
    (turn,) = turns(store)
    assert turn["status"] == "cancelled"


def test_what_praisonai_is_asked_to_stop_is_cancelled(store: DefaultSessionStore) -> None:
    controller = InterruptController()

    def stopped() -> str:
        """Stops the agent."""
        controller.request("enough")
        return "stopping"

    each = agent(tools=[stopped], interrupt_controller=controller)
    with mirror(store, session_id="s"):
        try:
            each.chat("stop")
        except InterruptedError:
            pass  # it may return or raise: both are its own way to stop
    (turn,) = turns(store)
    assert turn["status"] == "cancelled"


def test_a_stream_that_is_closed_in_the_middle_of_our_own_work_is_cancelled(
    tmp_path: Path,
) -> None:
    """As the garbage collector does it, whatever the thread is doing."""
    abandoned: list[Any] = []

    def finalizer(name: str, args: tuple[Any, ...]) -> None:
        if name == "write" and abandoned:
            abandoned.pop().close()

    storage = FaultyStorage(no_fault)
    with DefaultSessionStore(tmp_path, storage=storage) as store:
        with mirror(store, session_id="s") as handle:
            for _ in range(5):
                stream = agent("streamer").iter_stream("you")
                next(stream)
                abandoned.append(stream)
            storage.fault = finalizer
            each = agent()
            for run in (RUNS["chat"], RUNS["achat"]) * 3:
                run(each, "you")
            storage.fault = no_fault
        assert abandoned == []
        assert handle.failures == 0
        assert [turn["status"] for turn in turns(store, "streamer")] == ["cancelled"] * 5
        assert [turn["status"] for turn in turns(store)] == ["completed"] * 6
