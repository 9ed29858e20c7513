"""A call from one framework into another is a handoff and back."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from projections import DefaultSessionStore
from projections.adapters.mirroring import Mirror
from tests.adapters.nested.agents import CALL, FRAMEWORKS, MIRRORS
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS

pytestmark = AS_PRAISONAI_IS

PAIRS = pytest.mark.parametrize(("outer", "inner"), list(permutations(FRAMEWORKS, 2)))


@contextmanager
def mirrored(*names: str, into: Any, **options: Any) -> Iterator[list[Mirror]]:
    with ExitStack() as held:
        yield [held.enter_context(MIRRORS[name](into, **options)) for name in names]


def the_turn(store: DefaultSessionStore, session: str, runtime: str) -> tuple[str, Any]:
    ((turn_id, state),) = store.get_runtime_state(session, runtime).items()
    return turn_id, state


def check_nested(store: DefaultSessionStore, session: str, outer: str, inner: str) -> None:
    """Handed over and back, and both turns say who called whom."""
    outer_id, calling = the_turn(store, session, outer)
    inner_id, called = the_turn(store, session, inner)
    assert called["parent"] == {"runtime": outer, "turn": outer_id, "tool_call_id": CALL}
    assert {"runtime": inner, "turn": inner_id, "tool_call_id": CALL} in calling["handoffs"]
    assert (calling["status"], called["status"]) == ("completed", "completed")


@PAIRS
@pytest.mark.parametrize("session_id", ["one", None])
def test_an_agent_that_another_frameworks_agent_asks_is_handed_the_session_and_hands_it_back(
    outer: str, inner: str, session_id: str | None, store: DefaultSessionStore
) -> None:
    """Without a session that was chosen, the inner agent works in the outer one's."""
    asked = FRAMEWORKS[inner]("billing", None)
    with mirrored(inner, outer, into=store, session_id=session_id) as handles:
        assert asyncio.run(FRAMEWORKS[outer]("triage", asked)()) == "done"
    assert [handle.failures for handle in handles] == [0, 0]
    (info,) = store.list_sessions()
    session = info["session_id"]
    check_nested(store, session, "triage", "billing")
    audit = store.audit(session)
    assert [(each.source, each.target, each.status, each.reason) for each in audit.changes] == [
        ("triage", "billing", "taken over", "ask_other"),
        ("billing", "triage", "taken over", "ask_other"),
    ]
    assert audit.ok


@pytest.mark.parametrize("order", list(permutations(FRAMEWORKS)))
def test_agents_of_three_frameworks_inside_each_other(
    order: tuple[str, str, str], store: DefaultSessionStore
) -> None:
    first, second, third = order
    innermost = FRAMEWORKS[third]("c", None)
    middle = FRAMEWORKS[second]("b", innermost)
    with mirrored(*order, into=store):
        asyncio.run(FRAMEWORKS[first]("a", middle)())
    (info,) = store.list_sessions()
    session = info["session_id"]
    check_nested(store, session, "a", "b")
    check_nested(store, session, "b", "c")
    audit = store.audit(session)
    assert [(each.source, each.target) for each in audit.changes] == [
        ("a", "b"),
        ("b", "c"),
        ("c", "b"),
        ("b", "a"),
    ]
    assert audit.ok


@PAIRS
def test_mirrors_of_one_folder_are_of_one_store(outer: str, inner: str, tmp_path: Path) -> None:
    """Which is closed with the last of them."""
    asked = FRAMEWORKS[inner]("billing", None)
    first = MIRRORS[inner](str(tmp_path / "s"), session_id="one")
    second = MIRRORS[outer](tmp_path / "s" / ".." / "s", session_id="one")
    asyncio.run(FRAMEWORKS[outer]("triage", asked)())
    first.close()
    asyncio.run(FRAMEWORKS[outer]("later", None)())
    assert second.store.audit("one").ok
    second.close()
    with DefaultSessionStore(tmp_path / "s") as store:
        check_nested(store, "one", "triage", "billing")
        assert list(store.state_at("one")) == ["triage", "billing", "later"]


@PAIRS
def test_an_agent_that_is_mirrored_into_another_store_is_on_its_own(
    outer: str, inner: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    asked = FRAMEWORKS[inner]("billing", None)
    with DefaultSessionStore(tmp_path / "other", durability="os") as other:
        with (
            mirrored(inner, into=other, session_id="one"),
            mirrored(outer, into=store, session_id="one"),
        ):
            asyncio.run(FRAMEWORKS[outer]("triage", asked)())
        assert "parent" not in the_turn(other, "one", "billing")[1]
        assert other.audit("one").changes == ()
    assert "handoffs" not in the_turn(store, "one", "triage")[1]
    assert store.audit("one").changes == ()


def test_failures_are_counted_from_when_a_mirror_was_opened(store: DefaultSessionStore) -> None:
    with Mirror(store) as first:
        first.recorder.note_failure(ValueError("before"))
        with Mirror(store) as second:
            assert (first.failures, second.failures) == (1, 0)
            assert second.last_failure is None
            second.recorder.note_failure(KeyError("both"))
            assert (first.failures, second.failures) == (2, 1)
    with Mirror(store) as third:
        assert (third.failures, third.last_failure) == (0, None)
