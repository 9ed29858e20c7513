"""Streams that are read to their end and kept, as `run_stream_sync` allows."""

import asyncio
from typing import Any

from pydantic_ai import Agent

from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import JournalCapability, mirror
from tests.adapters.pydantic_ai.agents import agent
from tests.adapters.reported import said, the_turn


def state(store: DefaultSessionStore, runtime: str = "native") -> dict[str, Any]:
    found = the_turn(store, runtime)[1]
    assert isinstance(found, dict)
    return found


def test_one_that_was_read_to_its_end_is_completed(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s") as handle:
        result = agent().run_stream_sync("you")
        handle.recorder.join()
        assert state(store)["status"] == "open"
        text = list(result.stream_text(debounce_by=None))[-1]
        found = state(store)
        assert (found["status"], "closed_at" in found) == ("completed", True)
        assert found["transcript"] == said("you", text)
        del result  # closed by Python, sooner or later
    assert handle.failures == 0
    assert state(store)["usage"]["output_tokens"] > 0, "what is known then is added"


def test_others_may_work_before_it_is_closed(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        kept = agent("first").run_stream_sync("you")
        kept.get_output()
        agent("second").run_sync("you")
        del kept
    (change,) = store.audit("s").changes
    assert (change.source, change.target, change.late_writes) == ("first", "second", ())
    assert store.audit("s").ok


def test_one_that_was_read_in_part_is_open(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s") as handle:
        kept = agent().run_stream_sync("you and you")
        next(iter(kept.stream_text(debounce_by=None)))
        handle.recorder.join()
        assert state(store)["status"] == "open"
        del kept
    assert state(store)["status"] == "cancelled"


def test_an_agent_that_runs_in_the_block_of_a_stream_is_called_for_by_its_turn(
    store: DefaultSessionStore,
) -> None:
    """Also once the stream was read to its end."""

    async def main() -> None:
        async with agent("outer").run_stream("you") as stream:
            await stream.get_output()
            await agent("inner").run("you")

    with mirror(store):
        asyncio.run(main())
    (info,) = store.list_sessions()
    audit = store.audit(info["session_id"])
    assert [(each.source, each.target) for each in audit.changes] == [
        ("outer", "inner"),
        ("inner", "outer"),
    ]
    assert audit.ok


def test_nobody_keeps_what_is_over(store: DefaultSessionStore) -> None:
    """Memory: what is open."""
    journal = JournalCapability(store, session_id="s")
    each: Agent[None, Any] = agent(capabilities=[journal])
    for prompt in ("you", "weather in Rome?", "two cities"):
        each.run_sync(prompt)
    assert journal._tracker._runs == {}
