"""Which sessions a tail follows: those named, those that match, all but some; there or not yet."""

import logging
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal import StateTypeError
from journal.errors import DamagedError, JournalError
from projections import DefaultSessionStore
from projections.store.async_store import AsyncSessionStore
from projections.tail.choice import FollowedSessions
from tests.projections.tail.tails import (
    END,
    check_whole,
    put,
    run,
    seqs,
    take,
    take_to_ends,
    writer,
)
from tests.support import finish

ids = st.text("ab/*?[]-.\n", max_size=6)
some_ids = st.lists(ids, max_size=3)


@given(ids, some_ids, some_ids, some_ids)
def test_it_wants_what_is_named_or_matches_and_is_not_excluded(
    session_id: str, names: list[str], patterns: list[str], excluded: list[str]
) -> None:
    def is_like(some: list[str]) -> bool:
        return any(session_id == each or fnmatchcase(session_id, each) for each in some)

    def wants(*asked: Any) -> bool:
        return FollowedSessions(*asked).wants(session_id)

    named = session_id in names
    assert wants(names) is named
    assert wants(names, None, excluded) is named
    assert wants(None, None, excluded) is not is_like(excluded)
    assert wants(None, patterns) is is_like(patterns)
    expected = named or (is_like(patterns) and not is_like(excluded))
    assert wants(names, patterns, excluded) is expected
    assert wants(), "all of them"


@pytest.mark.parametrize("name", ["matching", "excluding"])
@pytest.mark.parametrize(
    ("given", "why"),
    [(7, "a pattern, several patterns or None, not int"), ([7], "a pattern must be a string")],
)
def test_what_is_no_pattern_is_refused_at_once(
    store: DefaultSessionStore, name: str, given: Any, why: str
) -> None:
    with pytest.raises(StateTypeError, match=why):
        store.tail(**{name: given})


def test_sessions_that_match_are_followed_and_those_that_come_later_join(
    either: DefaultSessionStore,
) -> None:
    put(either, "support/1", "before")
    put(either, "sales/1", "before")
    with either.tail(matching="support/*") as tail:
        for session in ("sales/1", "support/1", "sales/2", "support/eu/2"):
            put(either, session, END)
        found = take_to_ends(tail, "support/1", "support/eu/2")
    assert {name: seqs(each) for name, each in found.items()} == {
        "support/1": [2],
        "support/eu/2": [1],
    }


def test_everything_but_some(either: DefaultSessionStore) -> None:
    put(either, "s", "t1")
    put(either, "noise-1", "t1")
    with either.tail(excluding=["noise-*", "quiet"], from_start=True) as tail:
        for session in ("noise-2", "quiet", "s", "new"):
            put(either, session, END)
        found = take_to_ends(tail, "s", "new")
    assert {name: seqs(each) for name, each in found.items()} == {"s": [1, 2], "new": [1]}


def test_one_that_is_named_is_followed_beside_those_that_match(
    either: DefaultSessionStore,
) -> None:
    with either.tail("s", matching="a*", excluding="*", from_start=True) as tail:
        put(either, "a1", END)
        put(either, "s", END)
        assert set(take_to_ends(tail, "s")) == {"s"}


@pytest.mark.parametrize("parents", [0, 2])
@pytest.mark.parametrize("options", [{"sessions": "s"}, {"matching": "s*"}, {}])
def test_another_process_may_make_the_folder_later_and_those_above_it(
    tmp_path: Path, parents: int, options: dict[str, Any]
) -> None:
    folder = tmp_path.joinpath(*["above"] * parents, "later")
    with DefaultSessionStore(folder, durability="os") as store, store.tail(**options) as tail:
        assert tail.cursors == {}
        process = writer(folder, 60, 20, "s")
        found = take_to_ends(tail, "s")["s"]
        finish([process])
        check_whole(store, "s", found)
    assert [path.name for path in tmp_path.iterdir()] == [folder.relative_to(tmp_path).parts[0]]


def test_a_damaged_session_is_left_out_where_it_only_matches_and_raises_where_it_is_named(
    store: DefaultSessionStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(store, "s-good", "t1")
    (tmp_path / "s-bad.jsonl").write_text("no log\nat all\n")
    with caplog.at_level(logging.WARNING), store.tail(matching="s-*", from_start=True) as tail:
        assert take(tail, 1)[0].session_id == "s-good"
    assert any("'s-bad' is left out" in record.message for record in caplog.records)
    with pytest.raises(DamagedError), store.tail("s-bad", matching="s-*", from_start=True) as tail:
        next(tail)


def test_a_cursor_for_one_session_needs_exactly_that(store: DefaultSessionStore) -> None:
    for options in ({"matching": "s"}, {"sessions": "s", "matching": "t*"}):
        with pytest.raises(JournalError, match="one session"):
            store.tail(after="x:1", **options)  # type: ignore[arg-type]


def test_what_is_followed_shows(store: DefaultSessionStore) -> None:
    def shown(**options: Any) -> str:
        with store.tail(**options) as tail:
            return repr(tail)

    assert "all sessions" in shown()
    assert "all sessions, but not 'x*'" in shown(excluding="x*")
    both = shown(sessions="s", matching=["a*", "b*"])
    assert "'s', like 'a*' or 'b*'" in both
    assert "from its start" not in both
    assert "2 sessions" in shown(sessions=["s", "t"])
    assert "'s', from its start" in shown(sessions="s")


def test_in_an_event_loop(tmp_path: Path) -> None:
    async def main() -> list[str]:
        inner = DefaultSessionStore(tmp_path / "later", durability="os")
        async with AsyncSessionStore(inner) as store:
            tail = await store.tail(matching="s-*", excluding="s-2")
            for session in ("s-2", "other", "s-1"):
                await store.set_runtime_state(session, "r", "t", {})
            async with tail:
                return [(await anext(tail)).session_id]

    assert run(main) == ["s-1"]
