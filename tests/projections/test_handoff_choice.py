"""The choice of findings, against the plain reading of its rule."""

from hypothesis import given
from hypothesis import strategies as st

from journal.events import Event
from projections.handoffs.audit import audit
from projections.handoffs.choosing import FindingChoice
from projections.handoffs.findings import AuditFinding
from projections.replay import concerns, is_between
from tests.projections.handoff_steps import clears, hands, log, sets, takes

_RUNTIMES = st.sampled_from(["a", "b", "c"])
_TURNS = st.sampled_from(["t", "u"])
_STATUSES = st.sampled_from(["open", "completed"])
_STEPS = st.one_of(
    st.builds(
        lambda *a: sets(*a[:2], status=a[2], tool_calls=["k"]), _RUNTIMES, _TURNS, _STATUSES
    ),
    st.builds(hands, _RUNTIMES, _RUNTIMES, st.none() | _TURNS),
    st.builds(takes, _RUNTIMES),
    st.builds(clears, st.none() | _RUNTIMES),
)
_SESSIONS = st.lists(_STEPS, max_size=12).map(lambda steps: log(*steps))
_POINTS = st.none() | st.integers(0, 13)
_NAMES = {"runtimes": st.lists(_RUNTIMES, max_size=2), "turns": st.lists(_TURNS, max_size=2)}


def watched(choice: FindingChoice, events: list[Event]) -> list[AuditFinding]:
    for event in events:
        choice.watch(event)
    return list(choice.chosen(audit(events).findings))


def everything(finding: AuditFinding) -> list[AuditFinding]:
    return [finding, *(deep for each in finding.consequences for deep in everything(each))]


@given(_SESSIONS, _POINTS, _POINTS, _NAMES["runtimes"], _NAMES["turns"])
def test_a_finding_is_chosen_for_an_event_or_a_turn_of_it(
    events: list[Event],
    since: int | None,
    until: int | None,
    runtimes: list[str],
    turns: list[str],
) -> None:
    def event_meets(event: Event) -> bool:
        return (not runtimes or any(concerns(event, each) for each in runtimes)) and (
            not turns or event.turn_id in turns
        )

    def turn_meets(turn: tuple[str, str]) -> bool:
        return (not runtimes or turn[0] in runtimes) and (not turns or turn[1] in turns)

    by_seq = {event.seq: event for event in events}
    has_time, has_names = (since, until) != (None, None), bool(runtimes or turns)

    def expected(finding: AuditFinding) -> bool:
        about = [by_seq[seq] for each in everything(finding) for seq in each.events]
        in_time = [event for event in about if is_between(event, since, until)]
        if not (has_time or has_names):
            return True
        if any(map(event_meets, in_time)):
            return True
        named = [turn for each in everything(finding) for turn in each.turns]
        is_in_time = bool(in_time) or not has_time
        return is_in_time and has_names and any(map(turn_meets, named))

    found = watched(FindingChoice(since, until, runtimes, turns), events)
    assert found == [each for each in audit(events).findings if expected(each)]


@given(_SESSIONS)
def test_without_conditions_all_are_chosen_and_nothing_is_kept(events: list[Event]) -> None:
    choice = FindingChoice()
    assert watched(choice, events) == list(audit(events).findings)
    assert (choice.runtimes, choice.turn_ids) == (set(), set())


@given(_SESSIONS)
def test_the_names_that_there_are_are_known_afterwards(events: list[Event]) -> None:
    choice = FindingChoice(runtimes=["nobody"], turns=["nothing"])
    assert watched(choice, events) == []
    assert choice.turn_ids == {event.turn_id for event in events} - {None}
    for runtime in ("a", "b", "c"):
        is_there = any(concerns(event, runtime) for event in events if event.runtime_id)
        assert (runtime in choice.runtimes) == is_there
