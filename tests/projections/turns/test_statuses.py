"""The words for statuses: the table, what the page says of it, and what counts as over."""

import re
from typing import Any, get_args

import pytest

from projections.turns.statuses import (
    FINAL,
    WORDS,
    CallStatus,
    TurnStatus,
    call_status,
    is_over,
    turn_status,
)
from tests.support import ROOT

ALL = [(status, word) for status, words in WORDS.items() for word in words]


def test_the_page_has_the_words_of_the_table() -> None:
    page = (ROOT / "projections/README.md").read_text()
    rows = page.partition("| Status | Other words for it |\n|---|---|\n")[2].partition("\n\n")[0]
    listed = {}
    for row in rows.splitlines():
        status, *others = re.findall(r"`([^`]+)`", row)
        listed[status] = (status, *others)
    assert listed == WORDS


def test_every_status_of_a_recorded_turn_stands_for_itself() -> None:
    for status in get_args(TurnStatus):
        assert turn_status(status) == status
    for status in get_args(CallStatus):
        assert call_status(status) == status
    assert {status for status, _ in ALL} == {*get_args(TurnStatus), *get_args(CallStatus)}


def test_no_word_stands_for_two() -> None:
    words = [word for _, word in ALL]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(("status", "word"), ALL)
def test_a_word_means_what_the_table_says(status: str, word: str) -> None:
    assert turn_status(word) == ("cancelled" if status == "denied" else status)
    assert call_status(word) == ("cancelled" if status == "abandoned" else status)
    over = status not in ("open", "waiting")
    assert is_over(turn_status(word)) is is_over(call_status(word)) is over
    assert (word in FINAL) is over


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("in_progress", "open"),
        ("inProgress", "open"),
        ("IN-PROGRESS", "open"),
        (" In Progress ", "open"),
        ("timedOut", "error"),
        ({"state": "input-required"}, "waiting"),  # A2A
        ({"type": "completed"}, "completed"),
        ({"status": "failed", "state": 7}, "error"),
        ({"state": {"type": "completed"}}, None),
        ({}, None),
        ("", None),
        ("unheard of", None),
        ("completed" * 1000, None),
        (None, None),
        (True, None),
        (7, None),
        (["completed"], None),
    ],
)
def test_values_of_any_form_stand_for_a_status_or_for_none(value: Any, status: str | None) -> None:
    assert turn_status(value) == call_status(value) == status


def test_what_is_not_known_is_not_over() -> None:
    assert not is_over(None)
