"""The backlog of a tail: each session in the order of its log, whatever its clock did."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import DefaultSessionStore
from projections.cli.arguments.filters import Filter, chosen_by
from projections.cli.events.last_events import LastEvent, last_events
from tests.cli.appending import seqs_of
from tests.cli.terminal import Terminal

_SECOND = 1_000_000_000
_PAST = 1_700_000_000  # before any of these tests ran

Story: TypeAlias = "list[tuple[str, int]]"
"""Sets, one after the other: in which session, and what its clock says, in seconds."""

stories = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 12)), max_size=25)


def write(folder: str, story: Story) -> None:
    with (
        DefaultSessionStore(folder, durability="os", auto_compact=False) as store,
        pytest.MonkeyPatch.context() as patch,
    ):
        for number, (session, second) in enumerate(story):
            now = (_PAST + second) * _SECOND
            patch.setattr("journal.codec.time_ns", lambda now=now: now)
            store.set_runtime_state(session, "native", f"t-{second % 3}", {"n": number})


def found(folder: str, lines: int, chosen: Filter | None = None) -> list[LastEvent]:
    with DefaultSessionStore(folder) as store, store.tail() as tail:
        return last_events(store, tail.cursors, None, chosen or Filter(), lines)


@given(story=stories, lines=st.integers(0, 12), only=st.none() | st.just("t-1"))
def test_sessions_are_in_the_order_of_seq_and_merged_by_time(
    story: Story, lines: int, only: str | None
) -> None:
    chosen = chosen_by([f"turn_id={only}"] if only is not None else [])
    with TemporaryDirectory() as folder:
        write(folder, story)
        last = found(folder, lines, chosen)
        every = found(folder, len(story), chosen)
    of = {name: [e for e in every if e.session_id == name] for name in "abc"}
    wanted = [second for _, second in story if only is None or f"t-{second % 3}" == only]
    assert len(last) == min(lines, len(wanted))

    def counts_as(one: LastEvent) -> str:
        """No later than any that follows in its session."""
        own = of[one.session_id]
        return min(each.event.ts for each in own if each.event.seq >= one.event.seq)

    for name, own in of.items():
        shown = [each.event.seq for each in last if each.session_id == name]
        seqs = [each.event.seq for each in own]
        assert seqs == sorted(seqs)
        assert shown == seqs[len(seqs) - len(shown) :], "the last of its session, in order"
    times = [counts_as(each) for each in last]
    assert times == sorted(times)
    left_out = [each for each in every if each not in last]
    if last:
        assert all(counts_as(each) <= times[0] for each in left_out)


@given(story=stories.map(lambda story: sorted(story, key=lambda each: each[1])))
def test_where_no_clock_goes_back_all_are_sorted_by_time(story: Story) -> None:
    with TemporaryDirectory() as folder:
        write(folder, story)
        stamps = [each.event.ts for each in found(folder, 99)]
    assert len(stamps) == len(story)
    assert stamps == sorted(stamps)


def test_a_clock_that_is_years_ahead_does_not_hide_the_others(tmp_path: Path) -> None:
    """What it stamped counts as written when its log was."""
    folder = str(tmp_path)
    write(folder, [("ahead", 10**9), ("ahead", 10**9 + 1), ("b", 50)])
    os.utime(tmp_path / "ahead.jsonl", (_PAST + 20, _PAST + 20))
    os.utime(tmp_path / "b.jsonl", (_PAST + 50, _PAST + 50))
    assert [each.session_id for each in found(folder, 9)] == ["ahead", "ahead", "b"]
    assert [each.session_id for each in found(folder, 1)] == ["b"]


def test_sessions_that_changed_before_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(tmp_path)
    write(folder, [(f"s-{n}", 100 * n) for n in range(20) for _ in range(5)])
    for n in range(20):
        os.utime(tmp_path / f"s-{n}.jsonl", (_PAST + 100 * n, _PAST + 100 * n))
    opened: list[str] = []
    whole = DefaultSessionStore.newest

    def newest(self: DefaultSessionStore, session_id: str) -> object:
        opened.append(session_id)
        return whole(self, session_id)

    monkeypatch.setattr(DefaultSessionStore, "newest", newest)
    assert [each.session_id for each in found(folder, 7)] == ["s-18"] * 2 + ["s-19"] * 5
    assert set(opened) == {"s-18", "s-19"}


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_on_a_terminal_the_clock_that_went_back_disorders_nothing(
    tmp_path: Path, columns: int
) -> None:
    write(str(tmp_path), [("a", 9), ("a", 8), ("a", 1), ("a", 7), ("a", 2)])
    with Terminal("tail", "a", "-n", "4", "--dir", str(tmp_path), columns=columns) as terminal:
        lines = terminal.until(lambda lines: len(seqs_of(lines)) >= 4)
        assert seqs_of(lines) == [2, 3, 4, 5]
        assert terminal.widest <= columns
        terminal.interrupt()
        assert terminal.end() == 130
