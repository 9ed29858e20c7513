"""What `mirror` takes, and that closing it leaves Pydantic AI as it was."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import (
    Agent,
    RunContext,
)
from pydantic_ai.capabilities import AbstractCapability, Hooks
from pydantic_ai.toolsets import FunctionToolset

from journal import SessionConfig
from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import JournalCapability, mirror
from projections.adapters.pydantic_ai.mirror import _ENTRANCE
from tests.adapters.pydantic_ai.agents import agent, weather
from tests.adapters.reported import turns, versions


def test_closing_leaves_pydantic_ai_as_it_was(store: DefaultSessionStore) -> None:
    before = dict(vars(Agent))
    handle = mirror(store, session_id="s")
    assert dict(vars(Agent)) != before
    handle.close()
    handle.close()
    assert dict(vars(Agent)) == before
    agent().run_sync("you")
    assert not store.session_exists("s")
    assert store.list_sessions() == [], "a store that was given stays open"


def test_what_somebody_else_has_put_around_it_stays(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as that is there, runs still pass by what is closed."""
    monkeypatch.setattr(Agent, _ENTRANCE, getattr(Agent, _ENTRANCE))  # put back in the end
    handle = mirror(store, session_id="s")
    inner = getattr(Agent, _ENTRANCE)

    def around(self: Any) -> Any:
        return inner(self)

    monkeypatch.setattr(Agent, _ENTRANCE, around)
    handle.close()
    assert vars(Agent)[_ENTRANCE] is around
    assert agent().run_sync("you").output == "hello, you"
    assert not store.session_exists("s")
    assert handle.failures == 0


def test_a_turn_that_goes_on_after_closing_is_left_alone(store: DefaultSessionStore) -> None:
    async def main() -> str:
        handle = mirror(store, session_id="s")

        async def waiting() -> str:
            handle.close()
            return "closed"

        return str((await agent(tools=[waiting]).run("wait")).output)

    assert asyncio.run(main()) == "done: closed"
    assert versions(store) == [["open"], ["open", "open"]]


def test_a_process_is_mirrored_once(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        with pytest.raises(RuntimeError, match="already; close that mirror first"):
            mirror(store, session_id="t")
        agent().run_sync("you")
    assert len(turns(store)) == 1
    with mirror(store, session_id="s"):
        agent().run_sync("you")
    assert len(turns(store)) == 2


def test_capabilities_that_a_run_is_given_are_kept(store: DefaultSessionStore) -> None:
    hooks = Hooks[Any]()
    seen: list[str] = []

    @hooks.on.before_run
    async def note(ctx: RunContext[Any]) -> None:
        seen.append(str(ctx.run_id))

    with mirror(store, session_id="s"):
        result = agent().run_sync("you", capabilities=[hooks])
    assert seen == [result.run_id]
    assert list(store.get_runtime_state("s", "native")) == seen


def test_toolsets_of_other_capabilities_are_made_as_often_as_without_us(
    store: DefaultSessionStore,
) -> None:
    """Each may be a connection, and have a state."""
    made: list[FunctionToolset[Any]] = []

    class Counting(AbstractCapability[Any]):
        def get_toolset(self) -> FunctionToolset[Any]:
            made.append(FunctionToolset([weather]))
            return made[-1]

    def once() -> int:
        made.clear()
        each = agent(tools=[], capabilities=[Counting()])
        for _ in range(3):
            assert each.run_sync("weather in Rome?").output == "done: sunny in Rome"
        return len(made)

    alone = once()
    with mirror(store, session_id="s"):
        assert once() == alone
    assert len(turns(store)) == 3


def test_a_config_that_does_not_mirror_changes_nothing(tmp_path: Path) -> None:
    before = dict(vars(Agent))
    with mirror(SessionConfig(persist_path=str(tmp_path / "journal"))):
        assert dict(vars(Agent)) == before
        agent().run_sync("you")
    journal = JournalCapability(SessionConfig(persist_path=str(tmp_path / "journal")))
    agent(capabilities=[journal]).run_sync("you")
    journal.mirror.close()
    assert not (tmp_path / "journal").exists()


def test_a_session_id_of_another_kind_is_refused(store: DefaultSessionStore) -> None:
    made: tuple[Any, ...] = (mirror, JournalCapability)
    for each in made:
        with pytest.raises(TypeError, match="session_id must be a string or a callable, not int"):
            each(store, session_id=7)
