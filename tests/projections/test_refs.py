"""Naming a state: what is written names what was meant, and nothing else is taken for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journal.errors import StateTypeError, StateValueError
from projections.refs import Ref, ref_of
from projections.times import stamp_of

ids = st.text(st.sampled_from("/@~%25F4a0 ü\n") | st.characters(exclude_categories=["Cs"]))
points = st.integers(0, 10**20) | st.datetimes(
    min_value=datetime(1970, 1, 2), max_value=datetime(2999, 1, 1)
).map(lambda when: stamp_of(when.replace(tzinfo=UTC)))
of_turns = st.builds(
    Ref, runtime_id=ids, turn_id=ids, at=st.none() | points, back=st.integers(0, 10**9)
)
of_runtimes = st.builds(Ref, runtime_id=ids, at=st.none() | points)
of_views = st.builds(Ref, at=points)


@given(of_turns | of_runtimes | of_views)
@example(Ref("", at=7))
@example(Ref(""))
@example(Ref("", ""))
@example(Ref("%", "%25"))
@example(Ref("a/b", "@7~1"))
@example(Ref("native", ""))
def test_what_a_ref_is_written_as_reads_back_as_the_same(ref: Ref) -> None:
    assert Ref.parse(str(ref)) == ref


@given(of_turns | of_runtimes | of_views, of_turns | of_runtimes | of_views)
def test_no_two_refs_are_written_alike(one: Ref, other: Ref) -> None:
    assert (str(one) == str(other)) is (one == other)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("native/turn-1", Ref("native", "turn-1")),
        ("native/turn-1@7", Ref("native", "turn-1", at=7)),
        ("native/turn-1~1", Ref("native", "turn-1", back=1)),
        ("native/turn-1~", Ref("native", "turn-1", back=1)),
        ("native/turn-1~0", Ref("native", "turn-1")),
        ("native/turn-1@7~3", Ref("native", "turn-1", at=7, back=3)),
        ("native", Ref("native")),
        ("7", Ref("7")),
        ("native@0", Ref("native", at=0)),
        ("@7", Ref(at=7)),
        ("/t", Ref("", "t")),
        ("/", Ref("", "")),
        ("%", Ref("")),
        ("%@7", Ref("", at=7)),
        ("%/t", Ref("", "t")),
        ("a%2Fb/c%40d", Ref("a/b", "c@d")),
        ("100%25/%7e", Ref("100%", "~")),
        ("%C3%BC/ü", Ref("ü", "ü")),
        ("a b/+", Ref("a b", "+")),
        ("@2026-11-22T10:18:00Z", Ref(at="2026-11-22T10:18:00.000000Z")),
        ("n/t@2026-11-22T10:18:00+01:00~2", Ref("n", "t", "2026-11-22T09:18:00.000000Z", 2)),
    ],
)
def test_what_people_write_names_what_they_mean(text: str, ref: Ref) -> None:
    assert Ref.parse(text) == ref
    assert ref_of(text) == ref


@pytest.mark.parametrize(
    "text",
    [
        "", "a/b/c", "a~1", "~1", "@7~1", "%@7~1", "a/b~x", "a/b~-1", "a/b~1~2", "a/b~1@7",
        "a/b~٣", "a@", "a/b@", "@", "@@", "a@1@2", "@soon", "a@-1", "@7/t", "a@7/t",
        "100%", "%zz", "a/%2", "%2G/t", "%%", "a/%", "%C3/t", "a/%FF", "%ED%A0%80", "%C3/ü",
    ],
)  # fmt: skip
def test_nonsense_is_refused_by_its_own_words(text: str) -> None:
    with pytest.raises(StateValueError) as caught:
        Ref.parse(text)
    assert any(part in str(caught.value) for part in (repr(text), *map(repr, text.split("@"))))


def test_a_time_is_settled_when_the_ref_is_made() -> None:
    """Else it would mean another moment each time that it is looked at."""
    before = datetime.now(UTC) - timedelta(minutes=5)
    for ref in (Ref.parse("native/t@5m"), Ref("native", "t", at="5m"), Ref(at="5 min ago")):
        assert isinstance(ref.at, str)
        after = datetime.now(UTC) - timedelta(minutes=5)
        assert before <= datetime.fromisoformat(ref.at) <= after


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"turn_id": "t"}, "turn 't'.*runtime"),
        ({"turn_id": "t", "at": 7}, "turn 't'.*runtime"),
        ({"back": 1}, "back is 1; only a turn"),
        ({"runtime_id": "r", "back": 2}, "back is 2; only a turn"),
        ({"runtime_id": "r", "turn_id": "t", "back": -1}, "back is -1"),
        ({"at": -1}, "at is -1"),
        ({"at": "soon"}, "'soon' is not a time"),
        ({"at": True}, "not bool"),
    ],
)
def test_what_could_not_be_written_cannot_be_made(parts: dict[str, Any], why: str) -> None:
    with pytest.raises((StateValueError, StateTypeError), match=why):
        Ref(**parts)


def test_a_ref_cannot_be_changed() -> None:
    ref = Ref("native", "t")
    with pytest.raises(AttributeError):
        ref.turn_id = "other"  # type: ignore[misc]
    assert msgspec.structs.replace(ref, turn_id="other") == Ref("native", "other")


def test_a_bare_seq_or_moment_is_the_view_as_of_then() -> None:
    when = datetime(2026, 11, 22, 10, 18, tzinfo=UTC)
    assert ref_of(7) == Ref(at=7)
    assert ref_of(when) == Ref(at="2026-11-22T10:18:00.000000Z")
    assert ref_of(Ref("native")) == Ref("native")


@pytest.mark.parametrize("value", [True, None, 1.5, b"native", ("native", "t")])
def test_other_types_name_no_state(value: Any) -> None:
    with pytest.raises(StateTypeError, match=type(value).__name__):
        ref_of(value)
