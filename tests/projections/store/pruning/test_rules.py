"""The order in which sessions go, and when that ends."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal import Prune
from journal.reports import SessionUsage
from projections.store.pruning.rules import DatedSession, Due

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LENGTHS = st.none() | st.integers(0, 20).map(lambda hours: timedelta(hours=hours))
COUNTS = st.none() | st.integers(0, 8)


def candidate(number: int, hours: int, size: int) -> DatedSession:
    usage = SessionUsage(session_id=f"s-{number}", updated_at="", log_bytes=size)
    return DatedSession(usage, NOW - timedelta(hours=hours), size)


CANDIDATES = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)), max_size=8).map(
    lambda drawn: [candidate(number, *one) for number, one in enumerate(drawn)]
)


def taken(due: Due, kept: list[DatedSession]) -> list[DatedSession]:
    """Those that are due, if these are kept for another reason."""
    found = []
    for one in due:
        found.append(one)
        if one not in kept:
            due.gone(one.bytes)
    return found


@given(
    CANDIDATES, LENGTHS, COUNTS, st.none() | st.integers(0, 30), st.frozensets(st.integers(0, 7))
)
def test_the_oldest_go_until_all_that_is_asked_for_holds(
    candidates: list[DatedSession],
    older_than: timedelta | None,
    keep_last: int | None,
    max_size: int | None,
    others: frozenset[int],
) -> None:
    if older_than is None and keep_last is None and max_size is None:
        return
    due = Due(candidates, Prune(older_than, keep_last, max_size), NOW)
    kept = [one for number, one in enumerate(candidates) if number in others]
    went = taken(due, kept)
    stay = [one for one in candidates if one not in went]
    assert went == sorted(went, key=lambda one: one.changed)
    assert all(old.changed <= young.changed for old in went for young in stay), "oldest first"
    assert len(stay) >= min(keep_last or 0, len(candidates))
    may_go = len(stay) > (keep_last or 0)
    if max_size is not None and may_go:
        assert due.left <= max_size
    if older_than is not None and may_go:
        assert all(NOW - one.changed <= older_than for one in stay)
    if older_than is None and max_size is None:
        assert len(stay) == min(keep_last or 0, len(candidates))
    elif went and max_size is None and older_than is not None:
        assert all(NOW - one.changed > older_than for one in went)
    gone = [one for one in went if one not in kept]
    assert due.left == sum(one.bytes for one in candidates) - sum(one.bytes for one in gone)


def test_of_history_only_those_that_have_any_are_due() -> None:
    with_history = DatedSession(
        SessionUsage(session_id="b", updated_at="", log_bytes=5, archives=("b.1.jsonl",)), NOW, 9
    )
    candidates = [candidate(0, 5, 1), with_history]
    assert list(Due(candidates, Prune(keep_last=0, archives=True), NOW)) == [with_history]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"older_than": timedelta(-1)},
        {"keep_last": -1},
        {"max_size": -1},
        {"keep_last": 1, "every": timedelta(-1)},
    ],
    ids=str,
)
def test_rules_that_make_no_sense_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|say what"):
        Prune(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [{"older_than": 5}, {"keep_last": True}, {"max_size": "2G"}, {"keep_last": 1, "every": None}],
    ids=str,
)
def test_values_of_another_type_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        Prune(**given)  # type: ignore[arg-type]
