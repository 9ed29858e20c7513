"""Any history of handoffs, drawn at random."""

from hypothesis import strategies as st
from msgspec.structs import replace

from journal.events import Event
from tests.projections.handoff_steps import at, clears, hands, takes, writes

RUNTIMES = st.sampled_from("abc")
TURN_IDS = st.sampled_from(["t1", "t2", "t3"])
CALL_IDS = st.lists(st.sampled_from("xyz"), max_size=2)

WRITES = st.builds(
    lambda runtime, turn, calls, done: writes(runtime, turn, *calls, done=done),
    RUNTIMES,
    TURN_IDS,
    CALL_IDS,
    CALL_IDS,
)

HANDS = st.builds(hands, RUNTIMES, RUNTIMES, st.none() | TURN_IDS)
CLEARS = st.builds(clears, st.none() | RUNTIMES)
SEQS = st.none() | st.integers(0, 40)
TAKES = st.builds(takes, RUNTIMES, SEQS, SEQS)
GAPS = st.sampled_from([1, 1, 1, 3])

STEPS: st.SearchStrategy[list[tuple[Event, int]]] = st.lists(
    st.tuples(WRITES | WRITES | WRITES | HANDS | TAKES | CLEARS, GAPS), max_size=16
)


def events_of(steps: list[tuple[Event, int]]) -> list[Event]:
    """The steps with seqs that leave gaps. Their takeovers may name any seq or none."""
    events: list[Event] = []
    seq = 0
    for step, gap in steps:
        seq += gap
        events.append(replace(step, seq=seq, ts=at(seq)))
    return events


HISTORIES = STEPS.map(events_of)
