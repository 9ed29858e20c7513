"""One incident is one finding, in words, with what follows from it beneath."""

from collections.abc import Iterable

import msgspec
import pytest

from journal.events import Event
from projections.handoffs.audit import audit
from projections.handoffs.findings import AuditFinding
from projections.handoffs.sentences import events as seqs_in_words
from projections.handoffs.sentences import listed
from tests.projections.handoff_steps import child_of, hands, log, sets, takes, writes


def told(findings: Iterable[AuditFinding], depth: int = 0) -> list[str]:
    """The sentences, each with as many dashes as incidents it is beneath."""
    lines: list[str] = []
    for finding in findings:
        lines.append("- " * depth + finding.text)
        lines += told(finding.consequences, depth + 1)
    return lines


def faults(events: list[Event]) -> list[str]:
    return told(each for each in audit(events).findings if each.severity == "fault")


def test_a_turn_that_ran_twice_has_both_outcomes_side_by_side_and_all_that_follows() -> None:
    events = log(
        writes("codex", "turn-89"),
        sets("codex", "turn-90", status="open", tool_calls=["call-1", "call-2"]),
        hands("codex", "gemini"),
        takes("gemini", 3),
        sets("codex", "turn-90", status="error", tool_calls=[{"id": "call-1", "status": "open"}]),
        sets("claude-code", "turn-90", status="completed", tool_calls=["call-2"]),
        first=1,
    )
    assert faults(events) == [
        "turn-90 ran in codex (error) and claude-code (completed), no handoff between",
        "- claude-code wrote turn-90 without a handoff while gemini had the session (event 6)",
        "- claude-code finished call-2",
        "- codex wrote turn-90 (event 5) after it had handed off to gemini at event 3",
        "- gemini never saw call-1 of turn-90 (codex, event 2) finished; nobody finished it later",
    ]


STORIES: dict[str, tuple[list[Event], list[str]]] = {
    "a turn that ran twice, and says nothing of its status": (
        log(writes("a", "t"), writes("a", "t"), writes("b", "t")),
        [
            "t ran in a (events 1, 2) and b (event 3), no handoff between",
            "- b wrote t without a handoff while a had the session (event 3)",
        ],
    ),
    "a quarrel about a turn": (
        log(*(writes("ab"[number % 2], "t") for number in range(7))),
        [
            "t ran in a (4 writes from event 1 to 7) and b (3 writes from event 2 to 6), "
            "no handoff between",
            "- b wrote t without a handoff while a had the session, 3 times (events 2, 4, 6)",
            "- a wrote t without a handoff while b had the session, 3 times (events 3, 5, 7)",
        ],
    ),
    "taken, and taken back": (
        log(writes("a", "1"), writes("b", "2"), writes("a", "3"), takes("b"), writes("b", "4")),
        [
            "b wrote 2 without a handoff while a had the session (event 2)",
            "- a wrote 3 without a handoff while b had the session (event 3)",
            "- b took over from a (3) without a handoff (event 4)",
        ],
    ),
    "taken by one, and then by another": (
        log(writes("a", "1"), takes("b"), takes("c")),
        [
            "b took over from a (1) without a handoff (event 2)",
            "c took over from b without a handoff (event 3)",
        ],
    ),
    "wrote on after a handoff, and took the session back by it": (
        log(
            writes("a", "1"),
            hands("a", "b"),
            takes("b", 2),
            writes("a", "1"),
            writes("a", "2"),
            writes("b", "3"),
        ),
        [
            "a wrote 1 (event 4) and 2 (event 5) after it had handed off to b at event 2",
            "- a wrote 2 without a handoff while b had the session (event 5)",
            "- b wrote 3 without a handoff while a had the session (event 6)",
        ],
    ),
    "calls of a turn that were lost at one change": (
        log(
            writes("a", "1", "x", "y"),
            writes("a", "2", "z"),
            hands("a", "b"),
            takes("b", 3),
        ),
        [
            "b never saw x and y of 1 (a, event 1) finished; nobody finished them later",
            "b never saw z of 2 (a, event 2) finished; nobody finished it later",
        ],
    ),
    "a call lost where the session was taken without a word is another incident": (
        log(writes("a", "1", "x"), takes("b")),
        [
            "b took over from a (1) without a handoff (event 2)",
            "b never saw x of 1 (a, event 1) finished; nobody finished it later",
        ],
    ),
}


@pytest.mark.parametrize(("events", "sentences"), STORIES.values(), ids=STORIES)
def test_each_incident_is_told_once(events: list[Event], sentences: list[str]) -> None:
    assert faults(events) == sentences


def test_remarks_come_after_the_faults_and_are_none() -> None:
    events = log(
        writes("a", "1", "x"),
        hands("a", "b"),
        takes("b", 2),
        sets("b", "1", tool_results={"x": 1}),
        hands("b", "c", "1"),
    )
    found = audit(events)
    assert found.ok is True
    assert told(found.findings) == [
        "c has not taken over yet what b handed to it at event 5",
        "x of 1 (a, event 1) was open when b got the session; b finished it at event 4",
        "1 ran in a (event 1) and, after a handoff, in b (event 4)",
    ]


def test_agents_of_one_name_are_told_apart_by_their_turns_and_names() -> None:
    """Two turns of one runtime that are open at once."""
    of = {"status": "open", "agent": "researcher", "tool_calls": ["call_0"]}
    events = log(
        sets("worker", "w1", **of),
        sets("worker", "w2", **{**of, "agent": "writer"}),
        hands("worker", "codex"),
        takes("codex", 3),
        sets("worker", "w2", status="error", tool_calls=[]),
    )
    assert faults(events) == [
        "worker wrote w2 (event 5) after it had handed off to codex at event 3",
        "codex never saw call_0 of w1 (worker, agent researcher, event 1) finished; "
        "nobody finished it later",
    ]
    both = log(sets("x", "t", agent="one"), sets("y", "t", agent="two"))
    assert (
        faults(both)[0] == "t ran in x (agent one, event 1) and y (agent two, event 2), "
        "no handoff between"
    )


def test_children_of_another_session_say_so() -> None:
    parent = {"parent": {**child_of("x", "y")["parent"], "session": "other"}}
    found = audit(log(sets("a", "1", **parent), sets("b", "2", **parent)))
    assert told(found.findings) == ["2 (b) ran for y (x, session other), which kept the session"]


def test_findings_point_to_events_and_turns() -> None:
    events, _ = STORIES["wrote on after a handoff, and took the session back by it"]
    (finding,) = [each for each in audit(events).findings if each.severity == "fault"]
    assert (finding.kind, finding.events) == ("late_writes", (4, 5))
    assert finding.turns == (("a", "1"), ("a", "2"))
    first, second = finding.consequences
    assert (first.kind, first.events, first.turns) == ("unannounced", (5,), (("a", "2"),))
    assert (second.events, second.turns) == ((6,), (("b", "3"),))


def test_findings_survive_a_round_through_json() -> None:
    for events, _ in STORIES.values():
        found = audit(events).findings
        decoded = msgspec.json.decode(msgspec.json.encode(found), type=tuple[AuditFinding, ...])
        assert decoded == found


@pytest.mark.parametrize(
    ("seqs", "text"),
    [
        ([4], "event 4"),
        ([8, 9], "events 8, 9"),
        ([1, 2, 3], "events 1-3"),
        ([1, 2, 3, 9, 11], "events 1-3, 9, 11"),
        (range(1, 40, 2), "events 1, 3, 5, 7, 9, 11 and 14 more"),
    ],
)
def test_many_events_are_a_few_words(seqs: list[int], text: str) -> None:
    assert seqs_in_words(seqs) == text


def test_many_names_are_a_few_words() -> None:
    assert listed("a") == "a"
    assert listed("ab") == "a and b"
    assert listed("abca") == "a, b and c"
    assert listed("abcdef") == "a, b, c, d and 2 more"
