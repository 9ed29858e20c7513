"""Who ran which turn, and which tool calls it named and finished. Pure: no I/O.

- An id stands for one call in the whole session. `tool_calls` says when a state names a call
  and when it shows it finished. Once finished, a call stays finished.
- A clear takes turns out of the view, but not out of the history of who ran them.
- Two successive sets of a turn by different runtimes are in order if, between them, handoffs
  lead from the first runtime to the second, perhaps through others. A handoff with a
  `turn_id` counts for that turn only.
"""

from bisect import bisect_right
from collections.abc import Iterator

from msgspec import Struct, field

from journal.errors import DamagedError
from journal.events import Clear, Event, Handoff, Set
from journal.state import decode_state
from projections.handoffs.findings import Conflict, DoubleRun, OpenCall
from projections.handoffs.runs import Call, Run
from projections.handoffs.tool_calls import calls_in


class _Turn(Struct, eq=False):
    runs: dict[str, Run] = field(default_factory=dict)  # by runtime
    last: Run | None = None  # by the runtime that wrote it last
    conflicts: list[Conflict] = field(default_factory=list)


class TurnRuns:
    """A projection. Memory: turns, the calls that each shows, and handoffs."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}
        self._view: dict[str, dict[str, Run]] = {}  # those not cleared, by runtime and turn
        self._calls: dict[str, Call] = {}
        self._handoffs: list[Handoff] = []

    def fold(self, event: Event, *, in_order: bool) -> None:
        """`in_order` says of a set whether `Ownership.may_write` its runtime."""
        if type(event) is Set:
            self._write(event, in_order)
        elif type(event) is Clear:
            self._clear(event)
        elif type(event) is Handoff:
            self._handoffs.append(event)

    # The view as of a seq

    def inherited(self, seq: int) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
        """The turns in the view as of `seq`, by runtime, and the calls in their states.

        In the order of the view. O(n log n) for n turns and calls so far.
        """
        view = self._view_as_of(seq)
        turns = {runtime: tuple(run.turn_id for run in runs) for runtime, runs in view.items()}
        calls = dict.fromkeys(
            call.id
            for runs in view.values()
            for run in runs
            for call, presence in run.calls.items()
            if presence.since(seq) is not None
        )
        return turns, tuple(calls)

    def _view_as_of(self, seq: int) -> dict[str, list[Run]]:
        """The runs that were in the view as of `seq`, by runtime, in the order they came."""
        born = [
            (since, run)
            for turn in self._turns.values()
            for run in turn.runs.values()
            if (since := run.life.since(seq)) is not None
        ]
        view: dict[str, list[Run]] = {}
        for _, run in sorted(born, key=lambda pair: pair[0]):
            view.setdefault(run.runtime_id, []).append(run)
        return view

    def open_calls(self, seq: int) -> tuple[OpenCall, ...]:
        """The calls named up to `seq` in turns of the view, and not finished up to `seq`.

        In the order in which they were first met. O(all calls and their namings).
        """
        return tuple(self._open(seq))

    def _open(self, seq: int) -> Iterator[OpenCall]:
        for call in self._calls.values():
            if call.is_finished(seq) or (naming := call.naming(seq)) is None:
                continue
            run, named = naming
            yield OpenCall(
                id=call.id,
                runtime_id=run.runtime_id,
                turn_id=run.turn_id,
                named_seq=named,
                finished_seq=call.finished_seq,
                finished_by=call.finished_by,
            )

    # Turns of several runtimes

    def in_several_runtimes(self) -> list[DoubleRun]:
        """The turns that more than one runtime wrote, with and without conflicts."""
        return [
            DoubleRun(
                turn_id=turn_id,
                runs=tuple(run.finding() for run in turn.runs.values()),
                conflicts=tuple(turn.conflicts),
            )
            for turn_id, turn in self._turns.items()
            if len(turn.runs) > 1
        ]

    def _judge(self, turn: _Turn, event: Set) -> None:
        """Note a conflict if a turn goes to another runtime without a handoff."""
        last = turn.last
        if last is None or last.runtime_id == event.runtime_id:
            return
        if not self._handed_on(last, event):
            conflict = Conflict(
                previous_runtime_id=last.runtime_id,
                previous_seq=last.last_seq,
                runtime_id=event.runtime_id,
                seq=event.seq,
            )
            turn.conflicts.append(conflict)

    def _handed_on(self, last: Run, event: Set) -> bool:
        """Whether handoffs lead from the turn's last runtime to the one that sets it now.

        O(handoffs since its last set): each may reach one more runtime.
        """
        reached = {last.runtime_id}
        start = bisect_right(self._handoffs, last.last_seq, key=lambda handoff: handoff.seq)
        for index in range(start, len(self._handoffs)):
            handoff = self._handoffs[index]
            if handoff.source in reached and handoff.turn_id in (None, event.turn_id):
                reached.add(handoff.target)
        return event.runtime_id in reached

    # Sets and clears

    def _write(self, event: Set, in_order: bool) -> None:
        turn = self._turns.setdefault(event.turn_id, _Turn())
        self._judge(turn, event)
        run = turn.runs.get(event.runtime_id)
        if run is None:
            run = Run(event.runtime_id, event.turn_id, in_order, event.seq)
            turn.runs[event.runtime_id] = run
        run.write(event)
        turn.last = run
        self._view.setdefault(event.runtime_id, {})[event.turn_id] = run
        self._note_calls(run, event)

    def _note_calls(self, run: Run, event: Set) -> None:
        shown = []
        for call_id, finished in _calls_of(event).items():
            call = self._calls.get(call_id)
            if call is None:
                call = self._calls[call_id] = Call(call_id)
            shown.append(call)
            if finished:
                call.finish(event)
                run.finished[call] = None
            elif call not in run.named:
                run.named.add(call)
                call.namings.append((run, event.seq))
        run.show(shown, event.seq)

    def _clear(self, event: Clear) -> None:
        runtimes = list(self._view) if event.runtime_id is None else [event.runtime_id]
        for runtime in runtimes:
            for run in self._view.pop(runtime, {}).values():
                run.end(event.seq)


def _calls_of(event: Set) -> dict[str, bool]:
    try:
        return calls_in(decode_state(bytes(event.state)))
    except (DamagedError, RecursionError):  # the log reports damage
        return {}
