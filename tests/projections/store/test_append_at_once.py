"""What is written at once, without waiting for anybody: the answer says whether it is saved."""

from collections.abc import Callable
from pathlib import Path

import pytest

from journal import Limits
from projections import DefaultSessionStore
from projections.store.store import writer_of
from tests.support import set_event, turns_in


def begun(store: DefaultSessionStore) -> None:
    store.set_runtime_state("s", "native", "turn-1", {})


def taken_over(store: DefaultSessionStore) -> None:
    begun(store)
    store.take_over("s", "plugin")


def unknown(_: DefaultSessionStore) -> None:
    """Its log was never opened here."""


@pytest.mark.parametrize(
    ("state", "by_owner", "limits", "answer"),
    [
        (begun, False, Limits(), True),
        (begun, True, Limits(), True),
        (taken_over, False, Limits(), True),
        (taken_over, True, Limits(), False),
        (unknown, False, Limits(), False),
        (begun, False, Limits(on_exceed="reject"), False),
    ],
)
def test_it_says_saved_exactly_when_it_is(
    tmp_path: Path,
    state: Callable[[DefaultSessionStore], None],
    by_owner: bool,
    limits: Limits,
    answer: bool,
) -> None:
    """A false "saved" is never written again: the caller has nothing left to do."""
    with DefaultSessionStore(tmp_path, durability="os", limits=limits) as store:
        state(store)
        events = [set_event("new")]
        assert writer_of(store).append_at_once("s", events, by_owner=by_owner) is answer
        store.flush()
        is_saved = store.session_exists("s") and "new" in turns_in(tmp_path)
        assert is_saved is answer


def test_it_goes_on_once_a_thread_has_appended_after_others(tmp_path: Path) -> None:
    """What others have appended is folded by that thread: no loop has to wait for it."""
    with (
        DefaultSessionStore(tmp_path, durability="os") as store,
        DefaultSessionStore(tmp_path, durability="os") as other,
    ):
        store.set_runtime_state("s", "native", "t", {})
        other.set_runtime_state("s", "harness", "t", {})
        writer = writer_of(store)
        event = set_event("t", {"n": 1})
        assert not writer.append_at_once("s", [event])
        writer.append("s", [event], refresh=False)
        assert writer.append_at_once("s", [event])
