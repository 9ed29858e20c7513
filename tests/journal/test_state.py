"""States come back exactly as they went in, or are refused by path and nothing is saved."""

import enum
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.config import SessionConfig
from journal.errors import JournalError, LimitExceededError, StateTypeError, StateValueError
from journal.state import MAX_DEPTH, MAX_LINE, decode_state, encode_state, encode_text
from projections import DefaultSessionStore

JSON_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
) | st.text()


def containers(leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[Any]) -> Any:
    return st.recursive(
        leaves, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=20
    )


def as_json(value: Any) -> Any:
    """What is to come back for `value`: the same, with lists for tuples."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list | tuple) else value


def saved(value: Any) -> Any:
    return decode_state(encode_state(value))


@given(containers(JSON_LEAVES, st.text()))
def test_json_comes_back_equal_with_the_same_types_and_order(value: Any) -> None:
    assert repr(saved(value)) == repr(value)  # tells 1 from True and 1.0, and 0.0 from -0.0


ANY_LEAVES = st.one_of(
    JSON_LEAVES,
    st.floats(),
    st.text(st.characters(categories=["Cs", "L"])),
    st.binary(),
    st.datetimes() | st.dates() | st.times() | st.timedeltas() | st.decimals() | st.uuids(),
    st.sets(st.integers()) | st.frozensets(st.text()) | st.tuples(st.integers(), st.text()),
)


@given(containers(ANY_LEAVES, st.text() | st.integers() | st.none() | st.booleans()))
def test_any_value_comes_back_equal_or_is_refused(value: Any) -> None:
    try:
        outcome = repr(saved(value))
    except JournalError as error:
        outcome = "refused" if isinstance(error, TypeError | ValueError) else repr(error)
    assert outcome in ("refused", repr(as_json(value)))


class Colour(enum.Enum):
    RED = "red"


NOT_JSON: list[tuple[Any, type[Exception]]] = [
    (float("nan"), ValueError),
    (float("inf"), ValueError),
    (float("-inf"), ValueError),
    ("a\ud800", ValueError),
    (b"x", TypeError),
    (bytearray(b"x"), TypeError),
    (memoryview(b"x"), TypeError),
    (set(), TypeError),
    (frozenset({1}), TypeError),
    (datetime(2026, 11, 22, tzinfo=UTC), TypeError),
    (date(2026, 11, 22), TypeError),
    (timedelta(1), TypeError),
    (Decimal("1.5"), TypeError),
    (UUID(int=1), TypeError),
    (1j, TypeError),
    (object(), TypeError),
    (iter([1]), TypeError),
    ({}.keys(), TypeError),
    (Colour.RED, TypeError),
    (..., TypeError),
    (Path("x"), TypeError),
    (saved, TypeError),
]


@pytest.mark.parametrize(("bad", "kind"), NOT_JSON, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("beside", [{}, {"a": (1, 2)}], ids=["alone", "beside a tuple"])
def test_a_refusal_names_the_path(bad: Any, kind: type[Exception], beside: Any) -> None:
    with pytest.raises(kind, match=r"^state\.calls\[2\]\.when: ") as caught:
        encode_state({**beside, "calls": [0, "when", {"when": bad}, bad]})
    assert isinstance(caught.value, JournalError)


@pytest.mark.parametrize("key", [1, 1.5, None, True, b"k", (1,), date(2026, 1, 1)], ids=repr)
def test_keys_that_are_no_strings_are_refused(key: Any) -> None:
    with pytest.raises(StateTypeError, match=r"^state\.calls\[0\]: "):
        encode_state({"calls": [{"fine": 1, key: 1}]})


def test_lone_surrogates_in_keys_are_refused() -> None:
    with pytest.raises(StateValueError, match=r"^state\.calls\[0\]"):
        encode_state({"calls": [{"\udfff": 1}]})


def test_an_integer_too_long_to_be_read_again_is_refused_by_path() -> None:
    with pytest.raises(ValueError, match=r"^state\.calls\[0\]: ") as caught:
        encode_state({"calls": [10**5000]})
    assert isinstance(caught.value, JournalError)


class Level(enum.IntEnum):
    LOW = 1


class Calls(list[int]):
    pass


@pytest.mark.parametrize("value", [Level.LOW, Calls([1])], ids=repr)
def test_a_tuple_elsewhere_does_not_change_what_is_accepted(value: Any) -> None:
    def accepted(state: Any) -> bool:
        try:
            return bool(saved(state)["value"] == value)
        except JournalError:
            return False

    assert accepted({"value": value}) == accepted({"tuple": (), "value": value})


def test_the_first_bad_value_is_the_one_named() -> None:
    with pytest.raises(JournalError, match=r"^state\.b\[1\]: "):
        encode_state({"a": [1, [2]], "b": [3, b"first"], "c": b"second"})


def test_tuples_come_back_as_lists() -> None:
    assert saved({"a": (1, (2, [3, ()]))}) == {"a": [1, [2, [3, []]]]}


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**64), 10**300, 0, -0.0, 5e-324, 1e308])
def test_numbers_at_the_edges_come_back_exactly(number: float) -> None:
    assert repr(saved({"n": number})) == repr({"n": number})


def nested(depth: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"k": v}])
def test_nesting_is_allowed_to_the_limit_and_refused_beyond(wrap: Callable[[Any], Any]) -> None:
    assert saved(nested(MAX_DEPTH, wrap)) == as_json(nested(MAX_DEPTH, wrap))
    for depth in (MAX_DEPTH + 1, 10_000):
        with pytest.raises(StateValueError, match=r"^state.*nested deeper than"):
            encode_state(nested(depth, wrap))


def test_brackets_in_text_and_many_siblings_are_not_nesting() -> None:
    state = {"text": "[{" * 1000, "many": [[], {}] * 1000}
    assert saved(state) == state


def test_a_state_that_holds_itself_is_refused() -> None:
    state: dict[str, Any] = {"a": [1]}
    state["a"].append(state)
    with pytest.raises(StateValueError, match=r"^state\.a\[1\]"):
        encode_state(state)


def test_ten_megabytes_are_saved_and_more_than_a_line_is_refused(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        state = {"text": "é\n" * 3_400_000}
        store.set_runtime_state("s", "r", "large", state)
        assert store.get_runtime_state("s", "r", "large") == state
        size = (tmp_path / "s.jsonl").stat().st_size
        with pytest.raises(LimitExceededError, match=r"^state"):
            store.set_runtime_state("s", "r", "larger", {"text": "x" * MAX_LINE})
        assert (tmp_path / "s.jsonl").stat().st_size == size


def test_a_refused_state_writes_nothing(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path) as store, pytest.raises(StateTypeError):
        store.set_runtime_state("s", "r", "t", {"when": date(2026, 11, 22)})
    assert list(tmp_path.iterdir()) == []


def test_later_changes_to_what_was_passed_or_returned_change_nothing() -> None:
    config = SessionConfig(persist=False, mirror_runtime_state=True)
    with DefaultSessionStore(config=config) as store:
        state: dict[str, Any] = {"calls": [{"id": 1}]}
        store.set_runtime_state("s", "r", "t", state)
        state["calls"][0]["id"] = 2
        store.get_runtime_state("s", "r", "t")["calls"].append(3)
        store.get_runtime_state("s", "r")["t"].clear()
        assert store.get_runtime_state("s", "r") == {"t": {"calls": [{"id": 1}]}}


@pytest.mark.parametrize("text", [None, 1, b"x", "\ud800"], ids=repr)
def test_ids_that_are_no_unicode_text_are_refused_by_name(text: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^runtime_id") as caught:
        encode_text(text, "runtime_id")
    assert isinstance(caught.value, JournalError)
