"""What an audit must find, by slow and obvious code that goes by the contract of recorded turns.

It knows only the states that `handoff_histories` draws. Everything is looked up anew for each
event in lists of all that there was.
"""

from typing import Any

import msgspec
from msgspec import Struct, field

from journal.events import Clear, Event, Handoff, Set, Takeover

OPEN = ("open", "running", "in_progress", "waiting")
FINAL = ("completed", "done", "error", "interrupted")


class ModelCall(Struct, eq=False):
    """A call of a life of a turn: which it is, and what became of it."""

    turn: tuple[str, str]
    life: int
    id: str | None
    name: str | None
    number: int
    named: int
    own: str | None = None
    finished: int | None = None
    by: str | None = None
    by_itself: bool = False
    gone: int | None = None
    doubtful: int | None = None

    def is_open_as_of(self, seq: int) -> bool:
        ends = [each for each in (self.finished, self.gone) if each is not None]
        return self.named <= seq and all(end > seq for end in ends)


class ModelChange(Struct, eq=False):
    source: str | None
    target: str
    status: str
    announced: bool
    handoff: int | None = None
    arrival: int | None = None
    seen: int | None = None
    first_turn: str | None = None
    late: list[int] = field(default_factory=list)


class ModelSession:
    """All that the audit says of a session, as lists of plain facts."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        self.changes: list[ModelChange] = []
        self.calls: list[ModelCall] = []
        self.children: list[tuple[str, str]] = []
        self.owners: list[tuple[str | None, int]] = []  # after each event: who has the session
        self.ambiguous: list[tuple[str, int]] = []  # id and event
        self.owner: str | None = None
        self.owner_turn: str | None = None
        self._came_by: ModelChange | None = None
        self._child_sets: list[int] = []
        for event in events:
            self._fold(event)
            self.owners.append((self.owner, event.seq))

    def _fold(self, event: Event) -> None:
        if isinstance(event, Set):
            self._set(event)
            self._calls_of(event)
        elif isinstance(event, Handoff):
            self._hand_off(event)
        elif isinstance(event, Takeover):
            self._take_over(event)
        elif isinstance(event, Clear):
            for call in self.calls:
                if event.runtime_id in (None, call.turn[0]) and call.finished is None:
                    call.gone = call.gone or event.seq

    # What there was before an event

    def before(self, event: Event) -> list[Event]:
        return [each for each in self.events if each.seq < event.seq]

    def life_of(self, event: Set) -> list[Set]:
        """The sets of a turn since it was cleared last, up to this one."""
        life: list[Set] = []
        for each in [*self.before(event), event]:
            if isinstance(each, Clear) and each.runtime_id in (None, event.runtime_id):
                life = []
            elif isinstance(each, Set) and turn_of(each) == turn_of(event):
                life.append(each)
        return life

    def view(self, seq: int) -> dict[tuple[str, str], Set]:
        """The turns as of an event, each with its last set."""
        found: dict[tuple[str, str], Set] = {}
        for event in self.events:
            if event.seq > seq:
                break
            if isinstance(event, Set):
                found[turn_of(event)] = event
            elif isinstance(event, Clear):
                found = {
                    turn: last
                    for turn, last in found.items()
                    if event.runtime_id not in (None, turn[0])
                }
        return found

    # Who has the session

    def waiting_for(self, runtime: str) -> list[ModelChange]:
        """The handoffs to a runtime that are not answered."""
        return [
            change
            for change in self.changes
            if change.target == runtime and change.status == "pending"
        ]

    def _hand_off(self, event: Handoff) -> None:
        for change in self.waiting_for(event.target):
            change.status = "superseded"
        self.changes.append(
            ModelChange(event.source, event.target, "pending", True, handoff=event.seq)
        )

    def _take_over(self, event: Takeover) -> None:
        runtime, answered = event.runtime_id, event.handoff_seq
        known = [each.seq for each in self.before(event) if isinstance(each, Handoff)]
        change = None
        if answered in known:
            answers = [
                each
                for each in self.changes
                if each.handoff == answered
                and each.target == runtime
                and each.arrival is None
                and not self._closed(each, event.seq)
            ]
            change = answers[0] if answers else None
        elif answered is not None and self.owner != runtime:
            change = ModelChange(self.owner, runtime, "taken over", True, handoff=answered)
            self.changes.append(change)
        for other in self.waiting_for(runtime):
            if other is not change:
                other.status = "superseded"
        if change is None:
            if self.owner in (None, runtime):
                self._give(runtime, self._came_by)
                return
            change = ModelChange(self.owner, runtime, "unannounced", False)
            self.changes.append(change)
        else:
            change.status = "taken over"
        seen = event.seq - 1 if event.seen_seq is None else min(event.seen_seq, event.seq - 1)
        change.arrival, change.seen = event.seq, seen
        self._give(runtime, change)

    def _closed(self, change: ModelChange, seq: int) -> bool:
        """Whether its target has come since the handoff, by another way."""
        return any(
            change.handoff < other.seq < seq and other.runtime_id == change.target
            for other in self.events
            if change.handoff is not None
            and (
                isinstance(other, Takeover)
                or (isinstance(other, Set) and other.seq in self._implicit)
            )
        )

    @property
    def _implicit(self) -> list[int | None]:
        return [change.arrival for change in self.changes if change.status == "implicit"]

    def _give(self, runtime: str, change: ModelChange | None) -> None:
        if self.owner != runtime:
            self.owner, self.owner_turn = runtime, None
        self._came_by = change

    def _set(self, event: Set) -> None:
        runtime = event.runtime_id
        if self._is_child(event):
            self._child_sets.append(event.seq)
            life = self.life_of(event)
            if not any(each.seq in self._child_sets for each in life[:-1]):
                self.children.append(turn_of(event))
            return
        late_for = self._late_for(event)
        if late_for is not None:
            late_for.late.append(event.seq)
        if self.owner == runtime:
            self._wrote(event)
            return
        waiting = self.waiting_for(runtime)
        if waiting:
            change = waiting[-1]
            change.status = "implicit"
        elif self.owner is None:
            self._give(runtime, None)
            self._wrote(event)
            return
        elif late_for is not None and self._began_before_it_lost(event):
            return
        else:
            change = ModelChange(self.owner, runtime, "unannounced", False)
            self.changes.append(change)
        change.arrival, change.seen = event.seq, event.seq - 1
        self._give(runtime, change)
        self._wrote(event)

    def _wrote(self, event: Set) -> None:
        self.owner_turn = event.turn_id
        if self._came_by is not None and self._came_by.first_turn is None:
            self._came_by.first_turn = event.turn_id

    def _late_for(self, event: Set) -> ModelChange | None:
        """The handoff after which a runtime writes on: its last, if it did not get it back."""
        found = None
        for each in self.before(event):
            if isinstance(each, Handoff) and event.runtime_id in (each.source, each.target):
                is_its = event.runtime_id == each.source != each.target
                found = self._change_at(each.seq) if is_its else None
            elif isinstance(each, Takeover):
                if each.runtime_id == event.runtime_id:
                    found = None
                made = [  # a handoff that is not in the history: its source is who lost it
                    change
                    for change in self.changes
                    if change.arrival == each.seq
                    and change.announced
                    and change.source == event.runtime_id
                    and not self._is_known(change)
                ]
                found = made[0] if made else found
        return found

    def _is_known(self, change: ModelChange) -> bool:
        return any(
            isinstance(each, Handoff) and each.seq == change.handoff
            for each in self.events
            if change.arrival is None or each.seq < change.arrival
        )

    def _change_at(self, handoff: int) -> ModelChange:
        (found,) = [
            change
            for change in self.changes
            if change.handoff == handoff and (change.arrival is None or self._is_known(change))
        ]
        return found

    def _began_before_it_lost(self, event: Set) -> bool:
        """Whether the runtime had begun this turn when it last lost the session by a handoff."""
        begun = [
            each.seq
            for each in self.before(event)
            if isinstance(each, Set) and turn_of(each) == turn_of(event)
        ]
        lost = self._lost_at(event)
        return bool(begun) and lost is not None and begun[0] < lost

    def _lost_at(self, event: Set) -> int | None:
        """When it last lost the session by a handoff of its own since it got it back by one."""
        found: int | None = None
        is_late = False  # its sets are late ones, since it has handed off
        runtime = event.runtime_id
        for each in self.before(event):
            if got_back(each, runtime):
                found, is_late = None, False
            if isinstance(each, Handoff) and each.source == runtime != each.target:
                is_late = True
            for change in self.changes:
                is_its = change.source == runtime != change.target and change.announced
                if change.arrival == each.seq and is_its:
                    is_late = is_late or not self._is_known(change)
                    found = each.seq if is_late else found
        return found

    # Children

    def _is_child(self, event: Set) -> bool:
        runtime = event.runtime_id
        if self.owner in (None, runtime) or self.waiting_for(runtime):
            return False
        if any(each.seq in self._child_sets for each in self.life_of(event)[:-1]):
            return True
        before = self.view(event.seq - 1)

        def line(turn: tuple[str, str], state: Any) -> list[tuple[str, str]]:
            found: list[tuple[str, str]] = []
            while (parent := parent_of(state)) is not None and parent not in found:
                found.append(parent)
                state = state_of(before[parent]) if parent in before else {}
            return found

        mine = line(turn_of(event), state_of(event))
        if any(above[0] == self.owner for above in mine):
            return True
        if not mine or self.owner_turn is None:
            return False
        last = (str(self.owner), self.owner_turn)
        others = line(last, state_of(before[last])) if last in before else []
        return bool(others) and others[-1] == mine[-1]

    # Calls

    def _calls_of(self, event: Set) -> None:
        state, turn, life = state_of(event), turn_of(event), self.life_of(event)
        born = life[0].seq
        over, listed = is_final(state), []
        for call_id, name, number, own, has_result in named_in(state):
            is_over = has_result or own in FINAL or (over and own not in OPEN)
            same = [
                call
                for call in self.calls
                if (call.turn, call.life, call.id, call.number) == (turn, born, call_id, number)
                and (call_id is not None or call.name == name)
            ]
            call = same[-1] if same else None
            reopened = (
                call is not None and call.finished is not None and call.by_itself
                and own in OPEN and not is_over
            )  # fmt: skip
            if call is None or reopened:
                call = ModelCall(turn, born, call_id, name, number, event.seq)
                self.calls.append(call)
            call.own = own if own in (*OPEN, *FINAL) else call.own
            listed.append(call)
            if is_over:
                self._finish(call, event, itself=True)
        self._results(event, state, turn, life)
        for call in self.calls:
            if (call.turn, call.life) != (turn, born) or call in listed or not over:
                continue
            completed = state["status"] in ("completed", "done") and "omitted" not in state
            if completed or call.own not in OPEN:
                self._finish(call, event, itself=True)
        self._parents_call(event, state, turn)

    def _finish(self, call: ModelCall, event: Set, *, itself: bool) -> None:
        if call.finished is None:
            call.finished, call.by, call.by_itself = event.seq, event.runtime_id, itself

    def _results(self, event: Set, state: Any, turn: tuple[str, str], life: list[Set]) -> None:
        for call_id in results_in(state):
            own = [c for c in self.calls if (c.turn, c.life, c.id) == (turn, life[0].seq, call_id)]
            if own:
                if call_id not in [each[0] for each in named_in(state)]:
                    self._finish(own[-1], event, itself=True)
                continue
            if any(call_id in self._foreign_results(each) for each in life[:-1]):
                continue
            fitting = [
                call
                for call in self.calls
                if call.id == call_id and call.finished is None and call.named < life[0].seq
            ]
            alive = [call for call in fitting if call.gone is None]
            gone = [call for call in fitting if call.gone is not None and call.doubtful is None]
            found = alive or gone
            if len(found) == 1:
                self._finish(found[0], event, itself=False)
            elif found:
                self.ambiguous.append((call_id, event.seq))
                for call in found:
                    call.doubtful = call.doubtful or event.seq

    def _foreign_results(self, event: Set) -> list[str]:
        """The results of a set whose calls its turn had not named by then."""
        named = {
            call_id for each in self.life_of(event) for call_id, *_ in named_in(state_of(each))
        }
        return [each for each in results_in(state_of(event)) if each not in named]

    def _parents_call(self, event: Set, state: Any, turn: tuple[str, str]) -> None:
        parent = parent_of(state)
        call_id = state.get("parent", {}).get("tool_call_id")
        if not is_final(state) or parent is None or parent == turn or call_id is None:
            return
        view = self.view(event.seq)
        born = self.life_of(view[parent])[0].seq if parent in view else 0
        calls = [c for c in self.calls if (c.turn, c.life, c.id) == (parent, born, call_id)]
        if calls:
            self._finish(calls[-1], event, itself=False)

    # Facts

    def open_as_of(self, seq: int) -> list[ModelCall]:
        return [call for call in self.calls if call.is_open_as_of(seq)]

    def takeovers(self) -> list[ModelChange]:
        """Those by which the session was got, in the order of what they had seen."""
        found = [change for change in self.changes if change.seen is not None]
        return sorted(found, key=lambda change: change.seen or 0)

    def lost(self) -> list[ModelCall]:
        return [
            call
            for call in self.calls
            if call.finished is None
            and call.doubtful is None
            and any(call.is_open_as_of(change.seen or 0) for change in self.takeovers())
        ]

    def conflicts(self) -> list[tuple[str, int, int]]:
        """(turn, seq, seq): neighbouring sets of a turn by two runtimes and no handoff between."""
        found = []
        sets = [e for e in self.events if isinstance(e, Set) and e.seq not in self._child_sets]
        for place, later in enumerate(sets):
            before = [each for each in sets[:place] if each.turn_id == later.turn_id]
            if not before or before[-1].runtime_id == later.runtime_id:
                continue
            between = [
                each
                for each in self.events
                if isinstance(each, Handoff)
                and before[-1].seq < each.seq < later.seq
                and each.turn_id in (None, later.turn_id)
            ]
            if not lead(between, before[-1].runtime_id, later.runtime_id):
                found.append((later.turn_id, before[-1].seq, later.seq))
        return found

    def unclear(self) -> set[tuple[str, str]]:
        """Turns that another runtime inherited, not over then or now, and not understood."""
        found = set()
        for change in self.takeovers():
            for turn, last in self.view(change.seen or 0).items():
                now = self._rest_of_life(last)[-1]
                over = is_final(state_of(last)) or is_final(state_of(now))
                if turn[0] != change.target and not over and is_unclear(state_of(last)):
                    found.add(turn)
        return found

    def _rest_of_life(self, event: Set) -> list[Set]:
        """This set of a turn and those after it until a clear."""
        found = [event]
        for each in self.events:
            if each.seq <= event.seq:
                continue
            if isinstance(each, Clear) and each.runtime_id in (None, event.runtime_id):
                break
            if isinstance(each, Set) and turn_of(each) == turn_of(event):
                found.append(each)
        return found

    @property
    def ok(self) -> bool | None:
        """The verdict, writers and clocks aside."""
        late = any(change.late for change in self.changes)
        unannounced = any(not change.announced for change in self.changes)
        if late or unannounced or self.conflicts() or self.lost():
            return False
        return None if self.ambiguous or self.unclear() else True


def got_back(event: Event, runtime: str) -> bool:
    """Whether a runtime is handed the session, or takes it over."""
    if isinstance(event, Handoff):
        return event.target == runtime
    return isinstance(event, Takeover) and event.runtime_id == runtime


# States


def turn_of(event: Set) -> tuple[str, str]:
    return event.runtime_id, event.turn_id


def state_of(event: Set) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(event.state)
    return found


def is_final(state: dict[str, Any]) -> bool:
    return state.get("status") in FINAL


def parent_of(state: dict[str, Any]) -> tuple[str, str] | None:
    parent = state.get("parent")
    return (parent["runtime"], parent["turn"]) if parent is not None else None


def results_in(state: dict[str, Any]) -> list[str]:
    return [message["tool_call_id"] for message in state.get("messages", ())]


def named_in(state: dict[str, Any]) -> list[tuple[str | None, str | None, int, Any, bool]]:
    """Id, tool, number, own status, and whether its result is there, of each call."""
    found = []
    for place, call in enumerate(state.get("tool_calls", ())):
        call_id, name = call.get("id"), call.get("name")
        alike = [
            each
            for each in state["tool_calls"][: place + 1]
            if (each.get("id"), each.get("name")) == (call_id, name)
        ]
        number = len(alike) if call_id is None else 1
        answered = "result" in call or (call_id is not None and call_id in results_in(state))
        found.append((call_id, name, number, call.get("status"), answered))
    return found


def is_unclear(state: dict[str, Any]) -> bool:
    is_known = bool(state.get("tool_calls") or state.get("messages"))
    return "omitted" in state or ("blob" in state and not is_known)


def lead(handoffs: list[Handoff], source: str, target: str) -> bool:
    """Whether handoffs, in their order, lead from one runtime to another."""
    return any(
        each.source == source
        and (each.target == target or lead(handoffs[place + 1 :], each.target, target))
        for place, each in enumerate(handoffs)
    )
