"""The words of findings: what an audit says of a fact, in a sentence. Pure: no I/O.

Turns are named with their runtime, since several agents may go by one name, and calls with
their turn. Lists are cut: the facts themselves have all of it.
"""

from collections.abc import Iterable, Sequence

from projections.handoffs.findings import (
    ChildTurn,
    DoubleRun,
    OpenCall,
    RuntimeChange,
    TurnKey,
    TurnRun,
)

_MOST_STRETCHES = 6  # of seqs in one sentence
_MOST_NAMES = 4  # in one list


class Namer:
    """Names turns. `agents` has the agents' names for people, where they are known."""

    def __init__(self, agents: dict[TurnKey, str]) -> None:
        self._agents = agents

    def turn(self, turn: TurnKey, *more: str) -> str:
        """`turn-2 (codex)`, `turn-2 (codex, agent triage, event 7)`."""
        runtime_id, turn_id = turn
        agent = self._agents.get(turn, runtime_id)
        known = [f"agent {agent}"] if agent != runtime_id else []
        return f"{turn_id} ({', '.join([runtime_id, *known, *more])})"


def events(seqs: Sequence[int]) -> str:
    """`event 4`, `events 8, 9`, `events 1-7, 9-12 and 40 more`."""
    stretches: list[list[int]] = []
    for seq in seqs:
        if not stretches or seq != stretches[-1][-1] + 1:
            stretches.append([])
        stretches[-1].append(seq)
    shown = [
        ", ".join(map(str, each)) if len(each) < 3 else f"{each[0]}-{each[-1]}"
        for each in stretches[:_MOST_STRETCHES]
    ]
    more = sum(map(len, stretches[_MOST_STRETCHES:]))
    return f"event{'s' * (len(seqs) > 1)} {', '.join(shown)}" + f" and {more:,} more" * bool(more)


def listed(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b, c, d and 12 more`; each once."""
    known = list(dict.fromkeys(names))
    shown, more = known[:_MOST_NAMES], len(known) - _MOST_NAMES
    if more > 0:
        return f"{', '.join(shown)} and {more:,} more"
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)


# Turns of several runtimes


def double_run(turn: DoubleRun) -> str:
    return f"{turn.turn_id} ran in {listed(map(_run, turn.runs))}, no handoff between"


def shared_turn(turn: DoubleRun) -> str:
    first, *others = map(_run, turn.runs)
    return f"{turn.turn_id} ran in {first} and, after a handoff, in {listed(others)}"


def _run(run: TurnRun) -> str:
    facts = [f"agent {run.agent}"] if run.agent not in (None, run.runtime_id) else []
    facts.append(run.status or _writes(run))
    return f"{run.runtime_id} ({', '.join(facts)})"


def _writes(run: TurnRun) -> str:
    if run.writes == run.last_seq - run.first_seq + 1:
        return events(range(run.first_seq, run.last_seq + 1)[:: max(run.writes - 1, 1)])
    return f"{run.writes:,} writes from event {run.first_seq} to {run.last_seq}"


def finished_by(turn: DoubleRun) -> str | None:
    """Which calls each runtime finished; None if none did."""
    parts = [
        f"{run.runtime_id} finished {listed(run.finished_calls)}"
        for run in turn.runs
        if run.finished_calls
    ]
    return "; ".join(parts) or None


def children(parent: str, found: Sequence[ChildTurn], namer: Namer) -> str:
    names = listed(namer.turn((each.runtime_id, each.turn_id)) for each in found)
    return f"{names} ran for {parent}, which kept the session"


# Changes of runtime


def unannounced(changes: Sequence[RuntimeChange]) -> str:
    """Changes without a handoff, of one source and target, all takeovers or all writes."""
    first = changes[0]
    times = f", {len(changes):,} times" if len(changes) > 1 else ""
    seqs = [change.arrival_seq for change in changes if change.arrival_seq is not None]
    where = f"{times} ({events(seqs)})"
    source = first.source or "nobody"
    if first.takeover_seq is not None:
        known = [change.source_turn for change in changes if change.source_turn is not None]
        of = f" ({listed(known)})" if known else ""
        return f"{first.target} took over from {source}{of} without a handoff{where}"
    turns = listed(change.first_turn for change in changes if change.first_turn is not None)
    return f"{first.target} wrote {turns} without a handoff while {source} had the session{where}"


def late_writes(change: RuntimeChange, late: Sequence[tuple[int, str]]) -> str:
    by_turn: dict[str, list[int]] = {}
    for seq, turn_id in late:
        by_turn.setdefault(turn_id, []).append(seq)
    turns = listed(f"{turn_id} ({events(seqs)})" for turn_id, seqs in by_turn.items())
    return (
        f"{change.source} wrote {turns} after it had handed off to {change.target} "
        f"at event {change.handoff_seq}"
    )


def pending(change: RuntimeChange) -> str:
    reason = f" ({change.reason})" if change.reason else ""
    return (
        f"{change.target} has not taken over yet what {change.source} handed to it at "
        f"event {change.handoff_seq}{reason}"
    )


# Calls


def lost_calls(target: str, calls: Sequence[OpenCall], namer: Namer) -> str:
    """Calls of one turn."""
    first = calls[0]
    them = "it" if len(calls) == 1 else "them"
    turn = namer.turn((first.runtime_id, first.turn_id), _named(calls))
    return (
        f"{target} never saw {listed(call.label for call in calls)} of {turn} finished; "
        f"nobody finished {them} later"
    )


def finished_later(target: str, call: OpenCall, namer: Namer) -> str:
    turn = namer.turn((call.runtime_id, call.turn_id), _named([call]))
    return (
        f"{call.label} of {turn} was open when {target} got the session; "
        f"{call.finished_by} finished it at event {call.finished_seq}"
    )


def _named(calls: Sequence[OpenCall]) -> str:
    return events(sorted({call.named_seq for call in calls}))


def ambiguous(label: str, turn: str, calls: Sequence[OpenCall], namer: Namer) -> str:
    which = ""
    if calls:
        turns = (
            namer.turn((call.runtime_id, call.turn_id), f"event {call.named_seq}")
            for call in calls
        )
        which = f", of {listed(turns)}"
    return (
        f"a result for {label} in {turn} fits several open calls{which}: whose it is, is unknown"
    )


# Turns that are open, or not understood


def writer_gone(turn: str, since: str, writer: str, calls: Sequence[OpenCall]) -> str:
    open_calls = ""
    if calls:
        have = "has" if len(calls) == 1 else "have"
        open_calls = f"; {listed(call.label for call in calls)} {have} no result"
    return f"{turn} is open since {since}, but its writer {writer} has ended{open_calls}"


def long_open(turn: str, since: str, longest: float) -> str:
    return (
        f"{turn} is open since {since}, more than ten times as long as any turn before it "
        f"({longest:.3g} s)"
    )


def unrecognised(turns: Sequence[str]) -> str:
    hold = "turn holds" if len(turns) == 1 else "turns hold"
    return f"{len(turns):,} {hold} no tool calls that we recognise: {listed(turns)}"


def omitted(turn: str, number: int) -> str:
    calls = "an open call" if number == 1 else f"{number:,} open calls"
    return f"{turn} has left out {calls} of its state"
