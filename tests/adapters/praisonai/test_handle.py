"""Closing the handle leaves PraisonAI as it was."""

from typing import Any

import pytest
from praisonaiagents import Agent

from projections import DefaultSessionStore
from projections.adapters.praisonai import approvals, mirror, models
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS, WRAPPED, agent, class_at
from tests.adapters.reported import turns

pytestmark = AS_PRAISONAI_IS


def test_closing_leaves_praisonai_as_it_was(store: DefaultSessionStore) -> None:
    from praisonaiagents import main as display

    before = {name: vars(Agent).get(name) for name in WRAPPED}
    callbacks = dict(display.sync_display_callbacks)
    handle = mirror(store, session_id="s")
    assert vars(Agent)["chat"] is not before["chat"]
    handle.close()
    handle.close()
    assert {name: vars(Agent).get(name) for name in WRAPPED} == before
    assert display.sync_display_callbacks == callbacks
    agent().chat("you")
    assert not store.session_exists("s")
    assert store.list_sessions() == [], "a store that was given stays open"


def test_closing_leaves_models_and_approvals_as_they_were(store: DefaultSessionStore) -> None:
    watched = [*models.CLIENTS, *approvals.DECISIONS, (approvals.REQUEST, "__init__")]

    def methods() -> list[Any]:
        return [vars(class_at(path)).get(name) for path, name in watched]

    before = methods()
    with mirror(store, session_id="s"):
        assert not any(now is then for now, then in zip(methods(), before, strict=True))
    assert methods() == before


def test_a_turn_that_goes_on_after_closing_is_left_alone(store: DefaultSessionStore) -> None:
    handle = mirror(store, session_id="s")
    stream = agent().iter_stream("you and you")
    first = next(stream)
    handle.close()
    assert (first + "".join(stream)).split() == ["hello,", "you", "and", "you"]
    (turn,) = turns(store)
    assert turn["status"] == "open"


def test_a_process_is_mirrored_once(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        with pytest.raises(RuntimeError, match="already; close that mirror first"):
            mirror(store, session_id="t")
        agent().chat("you")
    assert len(turns(store)) == 1
    with mirror(store, session_id="s"):
        agent().chat("you")
    assert len(turns(store)) == 2


def test_a_users_own_error_display_is_still_called(store: DefaultSessionStore) -> None:
    from praisonaiagents import main as display

    seen: list[str] = []

    def own(message: str) -> None:
        seen.append(message)

    display.register_display_callback("error", own)
    try:
        with mirror(store, session_id="s"):
            agent().chat("fail")
        assert display.sync_display_callbacks["error"] is own
    finally:
        del display.sync_display_callbacks["error"]
    assert len(seen) == 1
    assert "made to fail" in seen[0]
