"""Moments as people write them, and points in a log."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.codec import Clock
from journal.errors import StateTypeError, StateValueError
from projections.times import moment, point_of, stamp_of

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
"""A zone in POSIX's own words, so that no database of zones is needed."""

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(
    min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=offsets
)


def zone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TZ", name)
    time.tzset()


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    zone(monkeypatch, BERLIN)
    yield
    monkeypatch.undo()
    time.tzset()


SUNDAY = datetime(2026, 11, 22, 9, 18, 30, 250_000, tzinfo=UTC)
"""10:18:30 in Berlin, where it is winter."""

WRITTEN = [
    ("now", "2026-11-22T09:18:30.250000"),
    (" NOW\n", "2026-11-22T09:18:30.250000"),
    ("5m", "2026-11-22T09:13:30.250000"),
    ("5 m", "2026-11-22T09:13:30.250000"),
    ("5min", "2026-11-22T09:13:30.250000"),
    ("5 min ago", "2026-11-22T09:13:30.250000"),
    ("5 Minutes ago", "2026-11-22T09:13:30.250000"),
    ("90s", "2026-11-22T09:17:00.250000"),
    ("90 s", "2026-11-22T09:17:00.250000"),
    ("0.25 sec", "2026-11-22T09:18:30.000000"),
    ("1 second ago", "2026-11-22T09:18:29.250000"),
    ("2h30m", "2026-11-22T06:48:30.250000"),
    ("2h 30m", "2026-11-22T06:48:30.250000"),
    ("2 hours 30 mins ago", "2026-11-22T06:48:30.250000"),
    ("-1h", "2026-11-22T08:18:30.250000"),
    ("- 1 hr", "2026-11-22T08:18:30.250000"),
    ("1.5h", "2026-11-22T07:48:30.250000"),
    ("3d", "2026-11-19T09:18:30.250000"),
    ("1 day", "2026-11-21T09:18:30.250000"),
    ("2 weeks", "2026-11-08T09:18:30.250000"),
    ("1w", "2026-11-15T09:18:30.250000"),
    ("0s", "2026-11-22T09:18:30.250000"),
    ("today", "2026-11-21T23:00:00.000000"),
    ("Yesterday", "2026-11-20T23:00:00.000000"),
    ("tomorrow", "2026-11-22T23:00:00.000000"),
    ("10:18", "2026-11-22T09:18:00.000000"),
    ("9:05", "2026-11-22T08:05:00.000000"),
    ("9:05:07", "2026-11-22T08:05:07.000000"),
    ("23:59:59", "2026-11-22T22:59:59.000000"),
    ("00:00", "2026-11-21T23:00:00.000000"),
    ("2026-11-22", "2026-11-21T23:00:00.000000"),
    ("2026-07-01", "2026-06-30T22:00:00.000000"),
    ("2026-11-22 10:18", "2026-11-22T09:18:00.000000"),
    ("2026-11-22T10:18:00", "2026-11-22T09:18:00.000000"),
    ("2026-11-22T10:18:00Z", "2026-11-22T10:18:00.000000"),
    ("2026-11-22t10:18:00z", "2026-11-22T10:18:00.000000"),
    ("2026-11-22T10:18:00.123456Z", "2026-11-22T10:18:00.123456"),
    ("2026-11-22T10:18:00+05:30", "2026-11-22T04:48:00.000000"),
    (" 2026-11-22T10:18:00-01:00 ", "2026-11-22T11:18:00.000000"),
]


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(("text", "utc"), WRITTEN, ids=[text for text, _ in WRITTEN])
def test_what_people_write_is_the_moment_they_mean(text: str, utc: str) -> None:
    found = moment(text, SUNDAY)
    assert found.utcoffset() is not None, "a moment has its zone"
    assert found == datetime.fromisoformat(f"{utc}+00:00")


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "soon", "ago", "-", "m", "5", "-5", "5x", "5m!", "5 m 3", "1e5s", "m5", "in 5m",
        "5ms", "5 months ago", "2 mo", "3 years", "5 sago", "10:1", "10:60", "24:01", "1:2:3",
        "10:18Z", "2026-13-01", "2026-02-30", "22.11.2026", "2026-11-22T25:00", "nan s",
        "99999999999d", "9" * 400 + "s", "3000 weeks 99999 weeks 99999 weeks",
        "0001-01-01T00:00+14:00",
    ],
)  # fmt: skip
def test_nonsense_is_refused_by_its_own_words(text: str) -> None:
    with pytest.raises(StateValueError) as caught:
        moment(text, SUNDAY)
    assert repr(text) in str(caught.value)
    assert "2h30m" in str(caught.value), "and says what one may write"


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("now", "text", "utc"),
    [  # clocks went forward on 29 March at 2:00 and back on 25 October at 3:00
        ("2026-03-29T10:00:00Z", "today", "2026-03-28T23:00:00Z"),
        ("2026-03-29T10:00:00Z", "tomorrow", "2026-03-29T22:00:00Z"),
        ("2026-03-30T10:00:00Z", "yesterday", "2026-03-28T23:00:00Z"),
        ("2026-10-26T10:00:00Z", "yesterday", "2026-10-24T22:00:00Z"),
        ("2026-10-25T10:00:00Z", "1:30", "2026-10-24T23:30:00Z"),
        ("2026-10-25T10:00:00Z", "1d", "2026-10-24T10:00:00Z"),
        ("2026-11-22T23:30:00Z", "10:18", "2026-11-23T09:18:00Z"),  # there, the 23rd has begun
        ("2026-11-22T23:30:00Z", "today", "2026-11-22T23:00:00Z"),
    ],
)
def test_days_begin_at_the_local_midnight_of_that_day(now: str, text: str, utc: str) -> None:
    found = moment(text, datetime.fromisoformat(now))
    assert found == datetime.fromisoformat(utc)


def test_without_a_now_relative_times_start_from_the_present() -> None:
    before = datetime.now(UTC)
    found = moment("1h") + timedelta(hours=1)
    assert before <= found <= datetime.now(UTC)


@given(moments, moments)
def test_stamps_sort_as_their_moments_do(one: datetime, other: datetime) -> None:
    assert (stamp_of(one) < stamp_of(other)) is (one < other)
    assert (stamp_of(one) == stamp_of(other)) is (one == other)


@given(moments)
def test_a_stamp_reads_back_as_the_same_moment(when: datetime) -> None:
    assert datetime.fromisoformat(stamp_of(when)) == when
    assert moment(stamp_of(when)) == when
    assert point_of(stamp_of(when)) == point_of(when) == stamp_of(when)


def test_a_stamp_is_what_the_log_would_write(monkeypatch: pytest.MonkeyPatch) -> None:
    when = datetime(2026, 11, 22, 10, 18, 0, 123_456, tzinfo=UTC)
    nanoseconds = int(when.timestamp()) * 10**9 + 123_456_000
    monkeypatch.setattr("journal.codec.time_ns", lambda: nanoseconds)
    assert stamp_of(when) == Clock().now() == "2026-11-22T10:18:00.123456Z"


@pytest.mark.usefixtures("berlin")
def test_a_datetime_without_a_zone_is_local() -> None:
    assert stamp_of(datetime(2026, 11, 22, 10, 18)) == "2026-11-22T09:18:00.000000Z"


@pytest.mark.parametrize(
    ("value", "point"), [(7, 7), (0, 0), ("7", 7), (" 12\n", 12), ("007", 7), (10**30, 10**30)]
)
def test_ints_and_digits_are_a_seq(value: int | str, point: int) -> None:
    found = point_of(value)
    assert type(found) is int
    assert found == point


@pytest.mark.parametrize("value", [True, False, 1.0, None, b"7", [7], float("nan")])
def test_other_types_are_no_point_and_the_argument_is_named(value: Any) -> None:
    with pytest.raises(StateTypeError, match=f"since must be .* not {type(value).__name__}$"):
        point_of(value, "since")


@pytest.mark.parametrize("value", [-1, -(10**30)])
def test_negative_seqs_are_refused(value: int) -> None:
    with pytest.raises(StateValueError, match="until is -1"):
        point_of(value, "until")


@pytest.mark.parametrize("text", ["-7", "+7", "7.0", "１２", "", "never"])
def test_text_that_is_neither_digits_nor_a_time_is_refused(text: str) -> None:
    with pytest.raises(StateValueError, match="is not a time"):
        point_of(text)
