"""Any history of handoffs, drawn at random."""

from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from journal.events import Event
from tests.projections.handoff_steps import at, child_of, clears, hands, sets, takes, writes

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

# States that say more: statuses, calls with and without an id, results, parents, other things

_TURN_STATUSES = st.sampled_from(
    [None, "open", "running", "waiting", "completed", "done", "error", "interrupted", "odd"]
)
_OWN_STATUSES = st.sampled_from([None, None, "open", "in_progress", "waiting", "completed", "odd"])
_TOOLS = st.sampled_from(["read", "charge"])


def _call(call_id: str | None, tool: str, status: str | None, outcome: object) -> dict[str, Any]:
    found: dict[str, Any] = {"name": tool}
    if call_id is not None:
        found = {"id": call_id}  # of one tool: an id used for two is another call
    if status is not None:
        found["status"] = status
    if outcome is not None:
        found["result"] = outcome
    return found


_CALLS = st.lists(
    st.builds(
        _call,
        st.sampled_from(["x", "x", "y", None]),
        _TOOLS,
        _OWN_STATUSES,
        st.sampled_from([None, None, None, 0]),
    ),
    max_size=2,
    unique_by=lambda call: call.get("id", id(call)),
)
_RESULTS = st.lists(st.sampled_from("xy"), max_size=2, unique=True)
_PARENTS = st.builds(child_of, RUNTIMES, TURN_IDS, st.sampled_from([None, "x", "y"]))


def _state(
    status: str | None,
    calls: list[dict[str, Any]],
    results: list[str],
    parent: dict[str, Any],
    more: dict[str, Any],
) -> dict[str, Any]:
    found: dict[str, Any] = {} if status is None else {"status": status}
    if calls:
        found["tool_calls"] = calls
    if results:
        found["messages"] = [
            {"role": "tool", "tool_call_id": each, "content": ""} for each in results
        ]
    return {**found, **parent, **more}  # fmt: skip


FULL_STATES = st.builds(
    _state,
    _TURN_STATUSES,
    _CALLS,
    _RESULTS | st.just([]),
    st.just({}) | st.just({}) | _PARENTS,
    st.sampled_from([{}, {}, {}, {"blob": {"n": 1}}, {"omitted": {"open_calls": 1}}]),
)
FULL_WRITES = st.builds(
    lambda runtime, turn, state: sets(runtime, turn, **state), RUNTIMES, TURN_IDS, FULL_STATES
)
# Many calls of one id, and results of them

_NAMING = st.sampled_from(
    [
        {"tool_calls": [{"id": "x"}]},
        {"tool_calls": [{"id": "x", "status": "open"}]},
        {"messages": [{"role": "tool", "tool_call_id": "x", "content": ""}]},
        {"status": "completed"},
    ]
)
_NAMERS = st.builds(
    lambda runtime, turn, state: sets(runtime, turn, **state),
    RUNTIMES,
    st.sampled_from([f"t{number}" for number in range(9)]),
    _NAMING,
)
_OF_ONE_ID = st.lists(
    st.tuples(st.one_of(*[_NAMERS] * 6, HANDS, TAKES, CLEARS), GAPS), min_size=4, max_size=18
)

FULL_HISTORIES = (
    st.lists(st.tuples(st.one_of(*[FULL_WRITES] * 5, HANDS, TAKES, CLEARS), GAPS), max_size=18)
    | _OF_ONE_ID
).map(events_of)
