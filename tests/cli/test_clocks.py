"""The times that commands show: the same form in a pipe, little room on a terminal, and UTC."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import DefaultSessionStore
from projections.cli.formats.clocks import brief_clock, clock, day_of
from projections.times import moment, stamp_of
from tests.cli.terminal import STYLE, Terminal, journal

TODAY = date(2026, 11, 30)
TOKYO = {"TZ": "JST-9"}
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})?")


@pytest.fixture(autouse=True)
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", TOKYO["TZ"])
    monkeypatch.setattr("projections.cli.formats.clocks.today", lambda: TODAY)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# Their forms


@pytest.mark.parametrize(
    ("ts", "brief", "day"),
    [
        ("2026-11-29T15:00:00.000000Z", "00:00:00.000", "Nov 30"),  # today begins in Tokyo
        ("2026-11-29T14:59:59.999999Z", "Nov 29 23:59:59.999", "Nov 29"),
        ("2026-12-01T00:00:00Z", "Dec 01 09:00:00.000", "Dec 01"),  # by a clock that is ahead
        ("2025-12-31T15:00:00.123456Z", "Jan 01 00:00:00.123", "Jan 01"),
        ("2025-12-31T14:59:59.123456Z", "2025-12-31 23:59:59.123", "2025-12-31"),
        ("2026-12-31T15:00:00Z", "2027-01-01 00:00:00.000", "2027-01-01"),
        ("some day", "some day", ""),
    ],
)
def test_on_a_terminal_what_everybody_knows_is_left_out(ts: str, brief: str, day: str) -> None:
    assert brief_clock(ts) == brief
    assert day_of(ts) == day


MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))


@given(MOMENTS, MOMENTS)
def test_in_a_pipe_they_sort_and_can_be_given_back(one: datetime, other: datetime) -> None:
    first, second = sorted((one, other))
    assert clock(stamp_of(first)) <= clock(stamp_of(second))
    assert len(clock(stamp_of(first))) == len(clock(stamp_of(second)))
    lost = first - moment(clock(stamp_of(first)))
    assert timedelta(0) <= lost < timedelta(milliseconds=1)


# In commands


SHOWING = [
    ["log", "my-session"],
    ["history", "my-session", "native", "turn-3"],
    ["blame", "my-session", "native", "turn-3"],
    ["handoffs", "my-session", "-o", "table"],
    ["sessions"],
]


def stamps(folder: str) -> set[str]:
    """Every time of the events of all sessions, in UTC, to the millisecond and to the second."""
    found = set()
    for session in ("my-session", "session-a", "session-b"):
        lines = journal("log", session, "-o", "jsonl", "--dir", folder).stdout.splitlines()
        found |= {json.loads(line)["ts"].replace("T", " ")[:23] for line in lines}
    for item in json.loads(journal("sessions", "-o", "json", "--dir", folder).stdout)["sessions"]:
        found.add(item["updated_at"].replace("T", " ")[:19])
    return found


@pytest.mark.parametrize("args", SHOWING, ids=lambda args: args[0])
def test_utc_stands_before_or_after_any_command_that_shows_times(
    prepared: str, args: list[str]
) -> None:
    where = ["--dir", prepared]
    local = TIME.findall(journal(*args, *where, **TOKYO).stdout)
    before = journal("--utc", *args, *where, **TOKYO).stdout
    assert before == journal(*args, "--utc", *where, **TOKYO).stdout
    shown = TIME.findall(before)
    assert shown
    assert set(shown) <= stamps(prepared)
    assert len(shown) == len(local)
    for utc, here in zip(shown, local, strict=True):
        assert datetime.fromisoformat(here) - datetime.fromisoformat(utc) == timedelta(hours=9)


def test_with_utc_times_are_read_as_they_are_shown(prepared: str) -> None:
    args = ["log", "my-session", "--utc", "--dir", prepared]
    lines = journal(*args, **TOKYO).stdout.splitlines()
    found = TIME.search(lines[7])
    assert found is not None
    for options in (["-S", found[0], "--utc"], ["--utc", "-S", found[0]]):
        since = journal("log", "my-session", *options, "--dir", prepared, **TOKYO).stdout
        assert since.splitlines() == lines[7:]


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize(("args", "old"), [(SHOWING[0], 2), (SHOWING[1], 1), (SHOWING[2], 1)])
def test_a_terminal_shows_the_year_only_of_other_years(
    folder: str,
    store: DefaultSessionStore,
    monkeypatch: pytest.MonkeyPatch,
    args: list[str],
    old: int,
    columns: int,
) -> None:
    then = datetime.now(UTC) - timedelta(days=400)
    with monkeypatch.context() as patched:
        patched.setattr("journal.codec.time_ns", lambda: int(then.timestamp()) * 10**9)
        store.set_runtime_state("my-session", "native", "turn-3", {"n": 1})
        store.set_runtime_state("my-session", "native", "turn-4", {})
    store.set_runtime_state("my-session", "native", "turn-3", {"n": 1, "m": 2})
    store.close()
    with Terminal(*args, "--dir", folder, columns=columns, env=TOKYO) as terminal:
        terminal.end()
    assert re.findall(r"\b\d{4}-", STYLE.sub("", terminal.raw)) == old * [
        f"{(then + timedelta(hours=9)).year}-"
    ]
    assert terminal.widest <= columns
