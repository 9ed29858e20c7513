"""Counts what a session's turns took, from its events. Pure: no I/O.

A turn is counted once, by its last state, also when a clear has dropped it. If it is set again
after that, it is another turn: it ran again, and what it took was spent twice.

A call is counted once in its turn, in whichever of its states it is named: a turn that has little
room names only some of its calls at its end. What became of it is what the audit of handoffs
says (`projections.handoffs.ledger`), and what its own object says of it last.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct

from journal.errors import DamagedError
from journal.events import Clear, Event, Set
from journal.state import decode_state
from projections.handoffs.ledger import CallLedger
from projections.handoffs.lives import Call as NamedCall
from projections.handoffs.lives import Life, Lives
from projections.statistics.figures import (
    RuntimeFigures,
    SessionStatistics,
    TimeSpread,
    ToolFigures,
    Usage,
)
from projections.turns.call_changes import seconds_between
from projections.turns.calls import CallKey
from projections.turns.contents import TurnContents, contents_of
from projections.turns.details import TurnCall
from projections.turns.reading import TurnState, read_turn, unreadable
from projections.turns.statuses import is_over
from projections.turns.usage import (
    cached_tokens_in,
    cost_in,
    input_tokens_in,
    output_tokens_in,
)

_CALLS = ("tool_calls", "open_calls")  # what a state says it has left out


def count(events: Iterable[Event]) -> SessionStatistics:
    """Count a session's events, which must come in order of seq.

    One pass. Time: O(size of the states). Memory: the turns, each with its last state, and their
    calls. A state that is not JSON counts as one that is not recognised.
    """
    counting = _Counting()
    for event in events:
        counting.fold(event)
    return counting.statistics()


class _Turn(Struct, kw_only=True):
    """A turn from its first set to a clear: its last state, and its calls of all states.

    `named` is how many calls a state named and left out, at most.
    """

    life: Life
    contents: TurnContents
    calls: dict[CallKey, TurnCall]
    named: int = 0


class _Done(Struct, frozen=True):
    """What became of a call: None for `status` if nothing tells."""

    tool: str | None
    status: str | None
    seconds: float | None


class _Counting:
    """A projection."""

    def __init__(self) -> None:
        self._events = 0
        self._first: Event | None = None
        self._last: Event | None = None
        self._lives = Lives()
        self._ledger = CallLedger(self._lives)
        self._turns: dict[int, _Turn] = {}  # by the identity of the life

    def fold(self, event: Event) -> None:
        self._events += 1
        self._first = self._first or event
        self._last = event
        if isinstance(event, Set):
            self._write(event)
        elif isinstance(event, Clear):
            for life in self._lives.clear(event):
                self._ledger.clear(life, event.seq)

    def _write(self, event: Set) -> None:
        state, contents = _read(event)
        life = self._lives.write(event, state)
        self._ledger.write(event, life)
        turn = self._turns.get(id(life))
        if turn is None:
            turn = self._turns[id(life)] = _Turn(life=life, contents=contents, calls={})
        turn.contents = contents
        turn.calls.update(contents.calls)
        left_out = sum(contents.omitted.get(key, 0) for key in _CALLS)
        turn.named = max(turn.named, len(contents.calls) + left_out)

    def statistics(self) -> SessionStatistics:
        turns = list(self._turns.values())
        done = [each for turn in turns for each in _calls_of(turn)]
        first, last = self._first, self._last
        by_runtime: dict[str, list[_Turn]] = {}
        for turn in turns:
            by_runtime.setdefault(turn.life.runtime_id, []).append(turn)
        by_tool: dict[str | None, list[_Done]] = {}
        for call in done:
            by_tool.setdefault(call.tool, []).append(call)
        return SessionStatistics(
            events=self._events,
            first_at=first.ts if first is not None else None,
            last_at=last.ts if last is not None else None,
            seconds=_lasted(first, last),
            runtimes=tuple(_runtime(name, some) for name, some in by_runtime.items()),
            total=_runtime(None, turns),
            tools=tuple(_tool(name, calls) for name, calls in by_tool.items()),
            all_tools=_tool(None, done),
            models=dict(Counter(turn.contents.model for turn in turns if turn.contents.model)),
        )


def _read(event: Set) -> tuple[TurnState, TurnContents]:
    try:
        state = decode_state(bytes(event.state))
        return read_turn(state), contents_of(state)
    except (DamagedError, RecursionError):  # the log reports damage
        return unreadable(), TurnContents()


def _lasted(first: Event | None, last: Event | None) -> float | None:
    if first is None or last is None:
        return None
    return seconds_between(first.ts, last.ts)


def _calls_of(turn: _Turn) -> Iterator[_Done]:
    for key, named in turn.life.calls.items():
        said = turn.calls.get(key)
        yield _Done(
            tool=named.name,
            status=_status_of(named, said),
            seconds=seconds_between(said.started_at, said.ended_at) if said is not None else None,
        )


def _status_of(named: NamedCall, said: TurnCall | None) -> str | None:
    if named.finished_seq is None:
        return "waiting" if named.status == "waiting" else "open"
    if said is not None and said.is_over:
        return said.outcome
    return None if named.by_itself else "completed"  # if another turn has its result


def _runtime(runtime_id: str | None, turns: list[_Turn]) -> RuntimeFigures:
    calls = [len(turn.life.calls) for turn in turns]
    usages = [turn.contents.usage for turn in turns]
    return RuntimeFigures(
        runtime_id=runtime_id,
        turns=len(turns),
        statuses=dict(Counter(turn.contents.status for turn in turns if turn.contents.status)),
        unrecognised=sum(not _is_recognised(turn) for turn in turns),
        calls=sum(calls),
        left_out=sum(max(turn.named - own, 0) for turn, own in zip(turns, calls, strict=True)),
        usage=Usage(
            input_tokens=sum(map(input_tokens_in, usages)),
            output_tokens=sum(map(output_tokens_in, usages)),
            cached_tokens=sum(map(cached_tokens_in, usages)),
            cost_usd=sum(map(cost_in, usages)),
        ),
        times=_spread(map(_seconds_of, turns)),
    )


def _is_recognised(turn: _Turn) -> bool:
    found = turn.contents
    says_something = found.is_form or found.status is not None or found.model is not None
    return says_something or bool(found.messages or found.calls or found.answers or found.usage)


def _seconds_of(turn: _Turn) -> float | None:
    """From the opening of a turn to its end, if it is over."""
    found = turn.contents
    return seconds_between(found.opened_at, found.closed_at) if is_over(found.status) else None


def _tool(name: str | None, calls: list[_Done]) -> ToolFigures:
    return ToolFigures(
        name=name,
        calls=len(calls),
        statuses=dict(Counter(call.status for call in calls if call.status is not None)),
        times=_spread(call.seconds for call in calls),
    )


def _spread(durations: Iterable[float | None]) -> TimeSpread:
    known = sorted(seconds for seconds in durations if seconds is not None)
    if not known:
        return TimeSpread()
    middle = len(known) // 2
    median = known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2
    return TimeSpread(known=len(known), median=median, longest=known[-1])
