"""Which tool calls are open, and what finishes them. Pure: no I/O.

A call is that of one turn of one runtime. It is finished by, whichever comes first:

- a state of its turn that shows it over, or has its result;
- the end of its turn, unless its own status says that it is not over. The end of a turn that is
  `completed` also finishes the calls that its last state does not name any more;
- a result in a turn that began later and names no call of that id itself. If several open calls
  of other turns have the id, the result is ambiguous and finishes none. Calls in turns that were
  cleared only count if there is no other;
- the end of a turn whose `parent` names the call.

A finished call stays finished, unless its turn says of it later that it is open.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from journal.events import Set
from projections.handoffs.findings import TurnKey
from projections.handoffs.lives import Call, Life, Lives
from projections.turns.calls import CallKey, SeenCall
from projections.turns.reading import TurnState

_NOT_OVER = ("open", "waiting")


class Ambiguity(Struct, frozen=True):
    """The result for `id` in event `seq` of `turn` fits several open calls.

    `calls` are those of them that no ambiguous result before it fitted.
    """

    id: str
    seq: int
    turn: TurnKey
    calls: tuple[Call, ...]


class _SameId(Struct, eq=False):
    """The open calls of one id, in the order in which they were named.

    `doubtful` are those that an ambiguous result may have been for, `gone` those of turns that
    were cleared.
    """

    open: OrderedDict[int, Call]
    doubtful: OrderedDict[int, Call]
    gone: OrderedDict[int, Call]

    def remove(self, call: Call) -> None:
        for calls in (self.open, self.doubtful, self.gone):
            calls.pop(id(call), None)

    def fitting(self, before: int) -> list[Call]:
        """At most four of the calls that were named before a seq; two or more if there are."""
        found = _first_two(self.doubtful, before) + _first_two(self.open, before)
        return found or _first_two(self.gone, before)

    def doubt(self, seq: int, before: int) -> Iterator[Call]:
        """Note that a result may be that of any call named before a seq. Yields the new ones.

        Each call is yielded once, so this is O(1) for each call in the long run.
        """
        in_view = bool(_first_two(self.doubtful, before) or _first_two(self.open, before))
        calls = self.open if in_view else self.gone
        while _first_two(calls, before):
            _, call = calls.popitem(last=False)
            call.ambiguous_seq = seq
            if in_view:
                self.doubtful[id(call)] = call
            yield call


def _first_two(calls: OrderedDict[int, Call], before: int) -> list[Call]:
    return [call for call in islice(calls.values(), 2) if call.named_seq < before]


def _none_of_id() -> _SameId:
    return _SameId(OrderedDict(), OrderedDict(), OrderedDict())


class CallLedger:
    """A projection: the calls that were open after any set, in the order of their naming.

    Memory: the calls. Time: O(1) for each call that a state names or answers.
    """

    def __init__(self, lives: Lives) -> None:
        self.calls: list[Call] = []
        self.ambiguities: list[Ambiguity] = []
        self._lives = lives
        self._of_id: dict[str, _SameId] = defaultdict(_none_of_id)

    def write(self, event: Set, life: Life) -> None:
        """A turn was set; `life` has its state already."""
        state = life.state
        for key, seen in state.calls.items():
            self._show(key, seen, event, life)
        for call_id in state.answers:
            self._answer(call_id, event, life)
        if state.is_over:
            self._end_others(event, life)
            self._end_parents_call(event, life)

    def clear(self, life: Life, seq: int) -> None:
        """A turn went out of the view."""
        for call in life.open_calls.values():
            call.gone_seq = seq
            if call.id is not None:
                same = self._of_id[call.id]
                same.remove(call)
                if call.ambiguous_seq is None:
                    same.gone[id(call)] = call
        life.open_calls.clear()

    # The turn's own calls

    def _show(self, key: CallKey, seen: SeenCall, event: Set, life: Life) -> None:
        call = life.calls.get(key)
        is_over = shows_over(seen, life.state)
        if call is None or (not is_over and _is_open_again(call, seen)):
            call = self._add(key, seen, event, life)
            if not is_over:
                self._open(call)
        call.name = call.name or seen.name
        call.status = seen.status or call.status
        if is_over:
            self._finish(call, event, life)

    def _add(self, key: CallKey, seen: SeenCall, event: Set, life: Life) -> Call:
        call = life.calls[key] = Call(
            life=life, key=key, id=seen.id, name=seen.name, number=seen.number, named_seq=event.seq
        )
        if seen.id is not None:
            life.by_id[seen.id] = call
        return call

    def _open(self, call: Call) -> None:
        self.calls.append(call)
        call.life.open_calls[call.key] = call
        if call.id is not None:
            self._of_id[call.id].open[id(call)] = call

    def _finish(self, call: Call, event: Set, life: Life) -> None:
        """A set of the turn `life` shows that the call is over."""
        if call.finished_seq is not None:
            return
        call.finished_seq, call.finished_by = event.seq, event.runtime_id
        call.by_itself = life is call.life
        call.life.open_calls.pop(call.key, None)
        if call.id is not None:
            self._of_id[call.id].remove(call)

    def _end_others(self, event: Set, life: Life) -> None:
        """The turn is over: so are those of its calls that its state does not name."""
        state = life.state
        ends_all = state.status == "completed" and not state.open_omitted
        for key, call in list(life.open_calls.items()):
            if key not in state.calls and (ends_all or call.status not in _NOT_OVER):
                self._finish(call, event, life)

    # The calls of other turns

    def _answer(self, call_id: str, event: Set, life: Life) -> None:
        """A turn has a result whose call its state does not name."""
        own = life.by_id.get(call_id)
        if own is not None:
            self._finish(own, event, life)
            return
        if call_id in life.answered:
            return
        life.answered.add(call_id)
        same = self._of_id.get(call_id)
        fitting = same.fitting(life.first_seq) if same is not None else []
        if len(fitting) == 1:
            self._finish(fitting[0], event, life)
        elif same is not None and fitting:
            calls = tuple(same.doubt(event.seq, life.first_seq))
            self.ambiguities.append(Ambiguity(call_id, event.seq, life.turn, calls))

    def _end_parents_call(self, event: Set, life: Life) -> None:
        parent = life.state.parent
        if parent is None or parent.tool_call_id is None or parent.session_id is not None:
            return
        above = self._lives.get(parent.runtime_id, parent.turn_id)
        call = above.by_id.get(parent.tool_call_id) if above is not None else None
        if call is not None and above is not life:
            self._finish(call, event, life)


def shows_over(seen: SeenCall, state: TurnState) -> bool:
    """Whether a state shows a call over: by itself, or because the turn is."""
    return seen.is_over or (state.is_over and seen.status not in _NOT_OVER)


def _is_open_again(call: Call, seen: SeenCall) -> bool:
    """Whether a turn takes back that it has finished a call."""
    return call.finished_seq is not None and call.by_itself and seen.status in _NOT_OVER
