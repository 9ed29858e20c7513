"""The drawing of handoffs: pinned pictures, what is condensed, and properties of any history."""

import time
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import cycle, islice

import pytest
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from journal.events import Event, Handoff
from projections.cli.formats.durations import duration
from projections.cli.lanes import ASCII, UNICODE, Glyphs, draw, legend
from projections.cli.terminal.output import plain
from projections.cli.terminal.texts import end_cut, middle_cut
from projections.handoffs.audit import audit
from tests.faults.sizes import for_any
from tests.projections.handoff_histories import HISTORIES, events_of
from tests.projections.handoff_steps import (
    child_of,
    clears,
    hands,
    log,
    sets,
    takes,
    unknown,
    writes,
)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC")
        patched.setattr("projections.cli.formats.clocks.today", lambda: date(2026, 11, 30))
        time.tzset()
        yield
    time.tzset()


def drawn(
    events: Sequence[Event], width: int | None = 80, glyphs: Glyphs = UNICODE
) -> list[list[tuple[str, object]]]:
    lines = draw(audit(events), events, width, glyphs)
    return [[(part, None) if isinstance(part, str) else part for part in line] for line in lines]


def picture(
    events: Sequence[Event], width: int | None = 80, glyphs: Glyphs = UNICODE
) -> list[str]:
    """The drawing as a terminal shows it, without colours."""
    return [
        plain("".join(text for text, _ in line)).rstrip() for line in drawn(events, width, glyphs)
    ]


def reason(step: Handoff, text: str) -> Handoff:
    return replace(step, reason=text)


STORY = log(
    writes("native", "turn-1"),
    writes("native", "turn-1"),
    writes("native", "turn-2", "call-1", "call-2"),
    reason(hands("native", "harness"), "rate limited"),
    writes("native", "turn-1"),
    takes("harness", 4, 4),
    writes("harness", "turn-2", done=["call-1"]),
    writes("native", "turn-9"),
    reason(hands("native", "harness", "turn-9"), "is better at it"),
    writes("harness", "turn-9"),
    clears("native"),
    clears(),
    takes("harness"),
    hands("harness", "native"),
    reason(hands("harness", "native"), "back"),
)


def test_the_picture_tells_the_story() -> None:
    assert picture(STORY, 100) == [
        "SEQ  Nov 22    native                          harness",
        "1-2  10:00:01  ┃ ● turn-1 ×2                   ┊",
        "  3  10:00:03  ┃ ● turn-2                      ┊",
        "  4  10:00:04  ┃─ rate limited ───────────────▶┊",
        "  5  10:00:05  ┃ ● turn-1 late                 ┊",
        "  6  10:00:06  ┊                               ┃ ◆ takes over (2 s), saw up to 4",
        "               ┊                               ┃ ✗ call-2 never finished",
        "  7  10:00:07  ┊                               ┃ ● turn-2",
        "               ┊◀━ unannounced ━━━━━━━━━━━━━━━━┃",
        "  8  10:00:08  ┃ ● turn-9 late                 ┊",
        "  9  10:00:09  ┃─ is better at it (turn-9) ───▶┊",
        "               ┊                               ┃ ◆ starts writing (1 s)",
        " 10  10:00:10  ┊                               ┃ ● turn-9",
        " 11  10:00:11  ┊ ✕ turns cleared               ┃",
        " 12  10:00:12  ✕ all turns cleared             ✕",
        " 13  10:00:13  ┊                               ┃ ◆ takes over again",
        " 14  10:00:14  ┊◀╌ superseded ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌┃",
        " 15  10:00:15  ┊◀╌ pending: back ╌╌╌╌╌╌╌╌╌╌╌╌╌╌┃",
    ]


def test_the_picture_in_ascii_has_nothing_else() -> None:
    lines = picture(STORY, 100, ASCII)
    assert lines[3] == "  4  10:00:04  |- rate limited --------------->:"
    assert lines[5].endswith("| * takes over (2 s), saw up to 4")
    assert all(line.isascii() for line in lines)
    assert all(part[0].isascii() for line in legend(ASCII) for part in line)


def test_what_is_wrong_is_red_and_nothing_else() -> None:
    def is_red(line: list[tuple[str, object]]) -> bool:
        return any(style == "red" for _, style in line)

    marks = [" ".join(text for text, _ in line) for line in drawn(STORY) if is_red(line)]
    expected = ("late", "call-2", "unannounced", "late")
    assert len(marks) == len(expected)
    for mark, part in zip(marks, expected, strict=True):
        assert part in mark
    assert not any(is_red(line) for line in drawn(list(CALM(20))))


def test_a_turn_run_twice_is_marked_at_both() -> None:
    lines = picture(log(writes("a", "t"), writes("b", "t")))
    assert lines[1].endswith("┃ ● t run twice    ┊")
    assert lines[3].endswith("┃ ● t run twice")


def test_turns_side_by_side_say_whose_they_are_and_move_nothing() -> None:
    """The session stays where it is, and many of them are a few lines."""
    steps = [
        sets("main", "top", status="open"),
        sets("search", "s", **child_of("main", "top")),
        sets("billing", "b", **child_of("main", "top")),
        sets("main", "top", status="completed"),
    ]
    lines = picture(log(*steps))
    assert "● s for main" in lines[2]
    assert "● b for main" in lines[3]
    assert all(
        line.count("┃") == 1 and line.index("┃") == lines[1].index("┃") for line in lines[1:]
    )
    assert not any("unannounced" in line for line in lines)
    many = [sets("search", f"s{number}", **child_of("main", "top")) for number in range(500)]
    lines = picture(log(steps[0], *many))
    assert len(lines) < 10
    assert any("496 writes of 496 turns for main" in line for line in lines)


def test_a_lost_call_without_an_id_is_named_by_its_tool() -> None:
    named = sets("a", "t", tool_calls=[{"name": "charge"}, {"id": "c", "name": "read"}])
    lines = picture(log(named, hands("a", "b"), takes("b", 2)))
    assert [line.split("✗ ")[1] for line in lines if "✗" in line] == [
        "charge without an id never finished",
        "read (c) never finished",
    ]


def test_takeovers_without_a_handoff_that_is_known() -> None:
    lines = picture(log(takes("a"), takes("b", 2), takes("c"), first=7))
    assert "◆ has the session" in lines[1]
    assert "handoff 2, not kept" in lines[2]
    assert "◆ takes over" in lines[3]
    assert lines[4].split()[0] == "9"
    assert "unannounced" in lines[4]


def test_a_handoff_to_itself_is_no_arrow() -> None:
    lines = picture(log(writes("a", "t"), reason(hands("a", "a"), "once more")))
    assert "◆ hands off to itself: pending: once more" in lines[2]


def test_several_lost_calls_are_three_and_how_many_more() -> None:
    calls = [f"c{number}" for number in range(9)]
    lines = picture(log(writes("a", "t", *calls), hands("a", "b"), takes("b", 2)))
    assert [line.split("✗ ")[1] for line in lines if "✗" in line] == [
        *(f"c{number} never finished" for number in range(3)),
        "6 calls more",
    ]


def test_another_day_is_reported() -> None:
    first, second = log(writes("a", "t1"), writes("a", "t2"))
    lines = picture([first, replace(second, ts="2026-11-23T00:00:01.000000Z")])
    assert [line.split()[0] for line in lines] == ["SEQ", "1", "Nov", "2"]
    assert "Nov 23" in lines[2]


def test_a_day_of_another_year_has_its_year_and_still_fits() -> None:
    first, second = log(writes("a", "t1"), writes("a", "t2"))
    lines = picture([first, replace(second, ts="2027-01-02T00:00:01.000000Z")])
    assert [line.split()[0] for line in lines] == ["SEQ", "1", "2027-01-02", "2"]
    assert {line.index("┃") for line in lines[1:]} == {lines[0].index("a")}


def test_a_timestamp_that_is_none_and_an_unknown_op_do_no_harm() -> None:
    events = [replace(event, ts="\x1b[2Jnot a time") for event in log(writes("a", "t"))]
    assert "\\x1b[2J" in picture(events)[1]
    assert len(picture(log(writes("a", "t"), unknown()))) == 2
    assert picture([]) == []


# What is condensed


def CALM(handoffs: int) -> Iterator[Event]:  # noqa: N802 - reads as the constants do
    """Two runtimes that hand the session back and forth as they should."""
    steps: list[Event] = [writes("a", "t0")]
    for number, (source, target) in enumerate(islice(cycle([("a", "b"), ("b", "a")]), handoffs)):
        steps.append(hands(source, target))
        steps.append(takes(target, len(steps)))
        steps.append(writes(target, f"t{number + 1}"))
    yield from log(*steps)


def test_a_long_stretch_of_one_runtime_is_a_few_lines() -> None:
    lines = picture(log(*(writes("a", f"t{number // 2}") for number in range(10_000))))
    assert len(lines) == 6
    assert lines[3].endswith("┃ ⋮ 9,992 writes of 4,996 turns")
    assert "5-9996" in lines[3]
    assert len(picture(log(*(writes("a", f"t{number % 2}") for number in range(10_000))))) == 6


def test_late_writes_without_end_are_a_few_lines() -> None:
    steps = [writes("a", f"t{number}") for number in range(3)]
    late = [writes("a", f"t{number % 3}") for number in range(1000)]
    lines = picture(log(*steps, hands("a", "b"), takes("b", 4), *late))
    assert len(lines) == 11
    assert "996 writes of 3 turns late" in lines[8]


def test_many_handoffs_without_a_fault_are_a_few_lines() -> None:
    lines = picture(list(CALM(500)))
    assert len(lines) < 25
    assert any("495 handoffs more, without a fault" in line for line in lines)
    assert "t500" in lines[-1]


def test_a_fault_amid_many_handoffs_is_shown() -> None:
    events = list(CALM(100))
    fault = replace(writes("b", "t-odd"), seq=152, ts=events[150].ts)
    later = [replace(event, seq=event.seq + 1) for event in events[151:]]
    lines = picture([*events[:151], fault, *later])
    assert any("t-odd" in line for line in lines)
    assert len(lines) < 50


def test_a_quarrel_is_shown_once_and_how_often() -> None:
    lines = picture(log(*(writes("ab"[number % 2], "t") for number in range(1001))))
    assert len(lines) < 10
    assert any("the same 499 times more" in line for line in lines)
    assert lines[-1].split()[0] == "1001"


def test_handoffs_for_another_reason_are_not_the_same() -> None:
    steps = [reason(hands("a", "b"), f"reason {number}") for number in range(8)]
    lines = picture(log(writes("a", "t"), *steps))
    for number in range(8):
        assert any(f"reason {number}" in line for line in lines)


def test_pending_handoffs_are_never_left_out() -> None:
    handed = [hands("a", f"r{number:02d}") for number in range(20)]
    lines = picture(log(writes("a", "t"), *handed), 200)
    assert sum("pending" in line for line in lines) == 20


# Any history

NASTY = st.text(min_size=1, max_size=30) | st.sampled_from(
    [
        "\x1b[2J\x1b]0;x\x07",
        "会议" * 9,
        "👨\u200d👩\u200d👧",
        "e\u0301" * 9,
        "a\tb\nc",
        "‮gpj",
        "x" * 500,
    ]
)
GLYPHS = st.sampled_from([UNICODE, ASCII])
QUICK, STORM = 25, 500  # examples


@st.composite
def renamed(draw_one: st.DrawFn) -> list[Event]:
    """A history whose ids and reasons may be anything."""
    names: dict[str, str] = {}

    def name(old: str) -> str:
        return names.setdefault(old, draw_one(NASTY))

    events: list[Event] = []
    for event in draw_one(HISTORIES):
        fields = {"runtime_id", "source", "target", "turn_id"} & set(event.__struct_fields__)
        old = {field: getattr(event, field) for field in sorted(fields)}
        new = {field: name(value) for field, value in old.items() if value is not None}
        if isinstance(event, Handoff):
            new["reason"] = draw_one(NASTY)
        events.append(replace(event, **new))
    return events


@for_any(renamed(), st.integers(1, 130), GLYPHS, quick=QUICK, storm=STORM)
def test_no_line_is_ever_wider_than_it_may_be(
    events: list[Event], width: int, glyphs: Glyphs
) -> None:
    for line in drawn(events, width, glyphs):
        text = "".join(text for text, _ in line)
        assert cell_len(text) <= width
        assert text == plain(text), "what is harmful is an escape before it is measured"


@for_any(HISTORIES, st.sampled_from([None, 80, 132]), GLYPHS, quick=QUICK, storm=STORM)
def test_every_runtime_and_every_turn_run_twice_is_named(
    events: list[Event], width: int | None, glyphs: Glyphs
) -> None:
    lines, found = picture(events, width, glyphs), audit(events)
    runtimes = {span.runtime_id for span in found.spans}
    runtimes |= {run.runtime_id for turn in found.double_runs for run in turn.runs}
    heading = set(lines[0].split()) if lines else set()
    assert runtimes <= heading
    for turn in found.double_runs:
        assert any(f"{glyphs.write} {turn.turn_id} " in line for line in lines if "twice" in line)


@for_any(st.integers(5, 40), st.sampled_from([40, 80]), quick=QUICK, storm=STORM)
def test_with_many_runtimes_each_is_still_named(count: int, width: int) -> None:
    names = [f"r{number}" for number in range(count)]
    steps = [step for name in names for step in (writes(name, f"t-{name}"), writes(name, "both"))]
    text = " ".join(picture(log(*steps), width))
    for name in names:
        assert f" {name} " in text
    assert "both run twice" in text


@for_any(HISTORIES, quick=QUICK, storm=STORM)
def test_there_are_not_many_more_lines_than_events(events: list[Event]) -> None:
    calls = sum(len(change.open_calls) for change in audit(events).changes)
    assert len(picture(events)) <= 1 + 3 * len(events) + calls


@for_any(HISTORIES, quick=QUICK, storm=STORM)
def test_faults_and_what_waits_are_drawn_and_only_then(events: list[Event]) -> None:
    found = audit(events)
    text = "\n".join(picture(events, None))
    changes = found.changes
    assert ("unannounced" in text) == any(not change.announced for change in changes)
    assert ("late" in text) == any(change.late_writes for change in changes)
    assert ("run twice" in text) == bool(found.double_runs)
    assert ("pending" in text) == any(change.status == "pending" for change in changes)
    assert text.count("never finished") == len(found.lost_calls)


@for_any(HISTORIES, quick=QUICK, storm=STORM)
def test_at_most_one_runtime_has_the_session_and_it_is_the_one_of_the_audit(
    events: list[Event],
) -> None:
    lines, found = picture(events, None), audit(events)
    for line in lines[1:]:
        seqs = line[: line.index(":")].split()[:-1] if ":" in line[:20] else []
        assert line.count("┃") <= 1
        if seqs and "┃" in line and "▶" not in line and "◀" not in line:
            seq = int(seqs[0].split("-")[0])
            (span,) = [each for each in found.spans if each.first_seq <= seq][-1:]
            assert lines[0].index(span.runtime_id) == line.index("┃")


@for_any(
    st.lists(st.tuples(st.sampled_from([hands("a", "b"), writes("b", "t")]), st.just(1))),
    quick=QUICK,
    storm=STORM,
)
def test_the_states_are_not_looked_at(steps: list[tuple[Event, int]]) -> None:
    events = events_of(steps)
    assert picture(events) == picture([replace(event) for event in events])


# Its tools


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0054, "5 ms"),
        (0.8, "0.8 s"),
        (2, "2 s"),
        (9.96, "10.0 s"),
        (12, "12 s"),
        (250, "4 m 10 s"),
        (3600, "1 h"),
        (11_100, "3 h 5 m"),
        (3601, "1 h"),
        (187_200, "2 d 4 h"),
        (-3, "-3 s"),
    ],
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@for_any(NASTY, st.integers(0, 20), st.sampled_from(["…", "~"]), quick=QUICK, storm=STORM)
def test_a_cut_keeps_the_ends_and_fits(text: str, longest: int, cut: str) -> None:
    text = plain(text)
    for found in (middle_cut(text, longest, cut), end_cut(text, max(longest, 1), cut)):
        assert cell_len(found) <= max(longest, 1)
    if cell_len(text) <= longest:
        assert middle_cut(text, longest, cut) == text == end_cut(text, longest, cut)
    assert middle_cut("turn-550e8400-0001", 11) == "turn-…-0001"
