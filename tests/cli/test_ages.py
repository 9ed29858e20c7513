"""How long ago something was, in words."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.cli.formats.ages import age

NOON = datetime(2026, 11, 30, 11, 0, tzinfo=UTC)
"""Twelve o'clock in Berlin."""

LONGEST = len("Nov 22 2025")


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(0), "now"),
        (timedelta(seconds=0.9), "now"),
        (timedelta(seconds=1), "1 s ago"),
        (timedelta(seconds=59.9), "59 s ago"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "1 h ago"),
        (timedelta(hours=11, minutes=59), "11 h ago"),
        (timedelta(hours=12, minutes=1), "yesterday"),  # 23:59 on the day before
        (timedelta(hours=36), "yesterday"),  # midnight belongs to the day that it begins
        (timedelta(hours=36, seconds=1), "2 days ago"),
        (timedelta(days=13), "13 days ago"),
        (timedelta(days=14), "Nov 16"),
        (timedelta(days=335), "Dec 30 2025"),
        (timedelta(seconds=-0.5), "now"),
        (timedelta(seconds=-3), "in 3 s"),
        (timedelta(minutes=-5), "in 5 min"),
        (timedelta(hours=-11), "in 11 h"),
        (timedelta(days=-1), "Dec 1"),
        (timedelta(days=-40), "Jan 9 2027"),
    ],
)
def test_the_older_the_rougher(ago: timedelta, text: str) -> None:
    assert age(NOON - ago, NOON) == text


def test_at_night_the_last_hours_are_hours_and_not_yesterday() -> None:
    night = datetime(2026, 11, 30, 0, 30, tzinfo=UTC)  # half past one in Berlin
    assert age(night - timedelta(hours=3), night) == "3 h ago"
    assert age(night - timedelta(hours=7), night) == "yesterday"


def test_days_are_those_of_the_local_calendar_whatever_the_zone_of_the_moment() -> None:
    last_evening = datetime(2026, 11, 29, 23, 30, tzinfo=UTC)  # in Berlin it is the 30th already
    assert age(last_evening, NOON) == "11 h ago"


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_every_moment_has_a_short_age(moment: datetime, now: datetime) -> None:
    text = age(moment, now)
    assert 0 < len(text) <= LONGEST
    assert re.fullmatch(r"[A-Za-z0-9 -]+", text)


@given(st.floats(0, 13 * 24 * 3600), st.floats(0, 13 * 24 * 3600))
def test_what_is_older_never_seems_younger(one: float, other: float) -> None:
    younger, older = sorted((one, other))
    texts = [age(NOON - timedelta(seconds=seconds), NOON) for seconds in (younger, older)]
    assert _least(texts[0]) <= _least(texts[1])


def _least(text: str) -> float:
    """The seconds that an age stands for, at least."""
    if text in ("now", "yesterday"):
        return 0 if text == "now" else 12 * 3600
    number, unit, _ = text.split()
    least: float = int(number) * {"s": 1, "min": 60, "h": 3600, "days": 24 * 3600}[unit]
    return least
