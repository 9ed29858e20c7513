"""What a `repr` shows: short, on one line, of nothing that may be secret, and never an error."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, structs
from rich.pretty import pretty_repr

from journal.events import Clear, Cursor, Event, Handoff, Head, Origin, Set, Takeover, Unknown
from journal.past import Entry, Newest, Past
from journal.reports import (
    CompactionReport,
    ErasureReport,
    Problem,
    SessionUsage,
    Unerased,
    VerifyReport,
)
from journal.reprs import count, name, quoted, repr_of_parts

LONGEST = 300
"""Characters of any."""

SECRET = "swordfish-17"
STATE = Raw(b'{"password":"%b"}' % SECRET.encode())
ONE_SET = Set(seq=7, runtime_id="native", turn_id="turn-1", state=STATE)
HEAD = Head("0011223344556677", 7, "c" * 32)


def past(**fields: Any) -> Past:
    none: dict[str, Any] = {"folded_at": "", "floor_hash": "", "rest": iter(()), "problems": []}
    return Past(**{"log_id": "0011", "floor": 0, "kept": [], **none, **fields})


def problem(**fields: Any) -> Problem:
    return Problem(**{"kind": "torn", "where": "/a/s.jsonl", "reason": "cut off", **fields})


SHOWN: list[tuple[object, str]] = [
    (ONE_SET, "Set(seq=7, native/turn-1, 27 bytes)"),
    (
        Set(runtime_id="codex/a", turn_id="", state=Raw(b"1")),
        "Set(seq=0, 'codex/a'/'', 1 byte)",
    ),
    (
        Set(seq=7, runtime_id="native", turn_id="t", state=STATE, erased="0" * 64),
        "Set(seq=7, native/t, erased)",
    ),
    (
        Set(seq=7, runtime_id="native", turn_id="t", state=STATE, encrypted_by="0" * 16),
        "Set(seq=7, native/t, encrypted)",
    ),
    (Origin("trip", "0011", 7, "c" * 32), "Origin('trip', seq=7)"),
    (
        SessionUsage(
            session_id="s", updated_at="", log_bytes=10, archives=("a",), archive_bytes=5
        ),
        "SessionUsage('s', 15 bytes, 1 archive)",
    ),
    (
        ErasureReport(
            session_id="s", states=2, blanked=0, files=["a"], kept=[Unerased(what="reason")]
        ),
        "ErasureReport('s', 2 states, 1 file, 1 kept)",
    ),
    (Clear(seq=8, runtime_id="native"), "Clear(seq=8, native)"),
    (Clear(seq=8), "Clear(seq=8, all runtimes)"),
    (Handoff(seq=4, source="native", target="codex"), "Handoff(seq=4, native → codex)"),
    (
        Handoff(seq=4, source="a b", target="b", turn_id="t", reason="rate limited"),
        "Handoff(seq=4, 'a b' → b, t, 'rate limited')",
    ),
    (Takeover(seq=5, runtime_id="codex", handoff_seq=4), "Takeover(seq=5, codex, answers 4)"),
    (Takeover(seq=5, runtime_id="codex"), "Takeover(seq=5, codex, unannounced)"),
    (
        Unknown(seq=9, op="note", prev="", hash="", line=b"{}"),
        "Unknown(seq=9, op=note, 2 bytes)",
    ),
    (
        Unknown(seq=9, op="note", prev="", hash="", line=b"{}", runtime_id="r"),
        "Unknown(seq=9, op=note, r, 2 bytes)",
    ),
    (
        Unknown(seq=9, op="note", prev="", hash="", line=b"{}", runtime_id="r", turn_id="t"),
        "Unknown(seq=9, op=note, r/t, 2 bytes)",
    ),
    (HEAD, f"Head(0011223344556677:7:{'c' * 32})"),
    (Cursor.start_of("0011223344556677"), "Cursor(0011223344556677:0:000000000000)"),
    (Cursor("0011223344556677", 7), "Cursor(0011223344556677:7)"),
    (Entry(ONE_SET, b"x" * 2000), "Entry(Set(seq=7, native/turn-1, 27 bytes), 2,000 bytes)"),
    (past(), "Past(0011, floor 0, 0 kept, 0 problems)"),
    (
        past(floor=9, kept=[Entry(ONE_SET, b"")] * 3, problems=[problem()]),
        "Past(0011, floor 9, 3 kept, 1 problem)",
    ),
    (Newest("0011", 5, iter(())), "Newest(0011, base 5)"),
    (problem(offset=120), "Problem(torn, '/a/s.jsonl, byte 120', 'cut off')"),
    (problem(kind="head"), "Problem(head, '/a/s.jsonl', 'cut off')"),
    (
        CompactionReport(
            session_id="trip",
            events_before=6,
            events_after=1,
            bytes_before=2134,
            bytes_after=1020,
            base_seq=6,
            archive=None,
        ),
        "CompactionReport('trip', 6 events → 1, 2,134 bytes → 1,020)",
    ),
    (
        VerifyReport(session_id="trip", head=None, events=0, archived_events=0, problems=[]),
        "VerifyReport('trip', ok, 0 events, no log)",
    ),
    (
        VerifyReport(
            session_id="trip", head=HEAD, events=7, archived_events=0, problems=[problem()]
        ),
        f"VerifyReport('trip', 1 problem, 7 events, {HEAD!r})",
    ),
]


@pytest.mark.parametrize(("thing", "text"), SHOWN, ids=[text for _, text in SHOWN])
def test_it_says_what_a_thing_is(thing: object, text: str) -> None:
    assert repr(thing) == text


class Hostile:
    """Something that does not belong where it is, and whose own `repr` is no better."""

    def __repr__(self) -> str:
        raise RuntimeError(SECRET)

    __len__ = __bool__ = __str__ = __repr__


texts = st.text() | st.text(min_size=500) | st.just("x" * 100_000) | st.just("\u202e\x1b[2J\n")
numbers = st.integers() | st.just(10**5000)
wrong = st.just(Hostile()) | st.none() | st.binary() | st.floats()
words, amounts = texts | wrong, numbers | wrong
raws = st.just(STATE) | wrong
events = st.one_of(
    st.builds(Set, seq=amounts, runtime_id=words, turn_id=words, state=raws),
    st.builds(Clear, seq=amounts, runtime_id=words),
    st.builds(Handoff, seq=amounts, source=words, target=words, turn_id=words, reason=words),
    st.builds(Takeover, seq=amounts, runtime_id=words, handoff_seq=amounts),
    st.builds(
        Unknown,
        seq=amounts,
        op=words,
        prev=words,
        hash=words,
        line=st.just(bytes(STATE)),
        runtime_id=words,
        turn_id=words,
    ),
)
problems = st.builds(Problem, kind=words, where=words, offset=amounts, reason=words)
lists: Any = st.lists(problems, max_size=2) | wrong
others: st.SearchStrategy[object] = st.one_of(
    st.builds(Head, words, amounts, words),
    st.builds(Cursor, words, amounts, words),
    st.builds(Entry, events | wrong, st.just(bytes(STATE))),
    st.builds(Newest, words, amounts, st.just(iter(()))),
    st.builds(past, log_id=words, floor=amounts, kept=lists, problems=lists),
    problems,
    st.builds(
        CompactionReport,
        session_id=words,
        events_before=amounts,
        events_after=amounts,
        bytes_before=amounts,
        bytes_after=amounts,
        base_seq=amounts,
        archive=words,
    ),
    st.builds(
        VerifyReport,
        session_id=words,
        head=st.builds(Head, words, amounts, words) | wrong,
        events=amounts,
        archived_events=amounts,
        problems=lists,
    ),
)


@given(thing=events | others)
def test_of_anything_it_is_one_short_line_and_no_error(thing: object) -> None:
    """Not even where a field holds what it must not, or a text that would steer a terminal."""
    text = repr(thing)
    assert text.startswith(f"{type(thing).__name__}(")
    assert text.endswith(")")
    assert len(text) <= LONGEST
    assert text.isprintable()
    assert SECRET not in text


@pytest.mark.parametrize(
    "event", [ONE_SET, Unknown(seq=1, op="note", prev="", hash="", line=bytes(STATE))]
)
def test_rich_shows_no_state_either(event: Event) -> None:
    """It shows the fields of a Struct, whatever its `repr` says."""
    text = pretty_repr([event])
    assert SECRET not in text
    assert f"seq={event.seq}" in text


class Half:
    def __init__(self) -> None:
        self.first = "a"

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        """Says what it is."""
        yield self.first
        yield str(vars(self)["second"])
        yield "third"


def test_of_what_is_half_made_it_shows_what_is_there() -> None:
    half = Half()
    assert repr(half) == "Half(a, …)"
    assert repr(Half.__new__(Half)) == "Half(…)"
    half.__dict__["second"] = "b" * 1000
    assert repr(half) == f"Half(a, {'b' * 236}…)"
    assert Half.__repr__.__doc__ == "Says what it is."


def test_ctrl_c_is_not_swallowed() -> None:
    class Interrupted(Half):
        @property
        def __dict__(self) -> Any:  # type: ignore[override]
            raise KeyboardInterrupt

    thing = Interrupted.__new__(Interrupted)
    object.__setattr__(thing, "first", "a")
    with pytest.raises(KeyboardInterrupt):
        repr(thing)


@given(one=st.text(max_size=40), other=st.text(max_size=40))
def test_two_ids_look_the_same_only_if_they_are(one: str, other: str) -> None:
    for shown in (name, quoted):
        assert (shown(one) == shown(other)) is (one == other)
    assert quoted(one) == repr(one)


@pytest.mark.parametrize("text", ["native", "turn-1", "call_0", "claude-code", "größe", "a.b:c@d"])
def test_usual_ids_need_no_quotes(text: str) -> None:
    assert name(text) == text


@pytest.mark.parametrize("text", ["", "a/b", "a b", "a,b", "(", "'", "…", "→", "a\u200bb"])
def test_others_have_them(text: str) -> None:
    assert name(text) == repr(text)


def test_a_long_id_keeps_both_ends() -> None:
    assert name("a" * 50 + "b" * 50) == f"'{'a' * 19}…{'b' * 19}'"
    assert quoted("a" * 50 + "b" * 50, 9) == "'aaaa…bbbb'"
    assert name(17) == quoted(17) == "<int>"


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 events"), (1, "1 event"), (2, "2 events"), (2000, "2,000 events")]
)
def test_numbers_are_counted(number: int, text: str) -> None:
    assert count(number, "event") == text


@pytest.mark.parametrize(
    ("seqs", "said"),
    [
        ([], "reason: covered"),
        ([7], "reason of event 7: covered"),
        ([7, 8, 9], "reason of event 7 and 2 others: covered"),
    ],
)
def test_what_cannot_be_erased_is_said_with_its_place(seqs: list[int], said: str) -> None:
    assert str(Unerased(what="reason", seqs=seqs, reason="covered")) == said


def test_a_report_of_what_was_found_nowhere_is_empty() -> None:
    nothing = ErasureReport(session_id="s", states=0, blanked=0, files=[], kept=[])
    assert nothing.is_empty
    assert not structs.replace(nothing, blanked=1).is_empty


def test_a_verification_says_how_much_was_erased() -> None:
    report = VerifyReport(
        session_id="s", head=None, events=2, archived_events=0, problems=[], erased=1
    )
    assert repr(report) == "VerifyReport('s', ok, 2 events, 1 erased, no log)"


def test_an_origin_is_named_as_a_ref_is() -> None:
    assert str(Origin("trip", "0011", 7, "c" * 32)) == "trip@7"
