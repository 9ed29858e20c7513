"""Forks against a plain model: a list of events for each session, copied at each fork.

Whatever is done to any of them then, a session's events are those of its list, and its view is
that of folding them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from journal.engines.memory import MemoryDirectory
from journal.errors import ExistsError, ForkedError, HistoryError, NotFoundError
from journal.events import Clear, Event
from tests.journal.engines.forks.told import events_of, folded, state_of
from tests.support import Recorder, set_event

SESSIONS = st.sampled_from(["a", "b", "c", "d"])
TURNS = st.sampled_from(["x", "y", "z"])


@dataclass
class Model:
    """`events` are all that the session ever had; up to `floor`, some may have been dropped."""

    events: list[Event] = field(default_factory=list)
    floor: int = 0


class Forks(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.engine = MemoryDirectory()
        self.models: dict[str, Model] = {}
        self.written = 0

    @rule(session=SESSIONS, turns=st.lists(TURNS, min_size=1, max_size=4))
    def write(self, session: str, turns: list[str]) -> None:
        self.written += 1
        events = [set_event(turn, {"n": self.written}) for turn in turns]
        self._append(session, events)

    @rule(session=SESSIONS)
    def clear(self, session: str) -> None:
        if session in self.models:
            self._append(session, [Clear()])

    def _append(self, session: str, events: Sequence[Event]) -> None:
        log = self.engine.open(session, recorder := Recorder())
        log.append(events)
        log.refresh()
        model = self.models.setdefault(session, Model())
        model.events += recorder.events[-len(events) :]

    @rule(session=SESSIONS, to=SESSIONS, share=st.integers(0, 4))
    def fork(self, session: str, to: str, share: int) -> None:
        model = self.models.get(session)
        seq = len(model.events) * share // 4 if model is not None else None
        try:
            head = self.engine.fork(session, to, seq)
        except NotFoundError:
            assert model is None
        except ExistsError:
            assert to in self.models
        except HistoryError:
            assert model is not None
            assert seq is not None
            assert seq < model.floor
        else:
            assert model is not None
            assert seq is not None
            assert to not in self.models
            assert head.seq == seq
            self.models[to] = Model(model.events[:seq], min(model.floor, seq))

    @rule(session=SESSIONS, history=st.sampled_from(["archive", "drop"]))
    def compact(self, session: str, history: Literal["archive", "drop"]) -> None:
        report = self.engine.compact(session, history)
        assert (report is not None) is (session in self.models)
        if history == "drop" and session in self.models:
            self.models[session].floor = len(self.models[session].events)

    @rule(session=SESSIONS)
    def pack(self, session: str) -> None:
        self.engine.pack(session)

    @rule(session=SESSIONS, force=st.booleans())
    def delete(self, session: str, force: bool) -> None:
        forks: tuple[str, ...] = ()
        try:
            assert self.engine.delete(session, force=force) is (session in self.models)
        except ForkedError as error:
            forks = error.forks
        assert set(forks) <= self.models.keys() - {session}
        assert not (force and forks)
        if not forks:
            self.models.pop(session, None)

    @invariant()
    def each_is_as_its_model(self) -> None:
        listed = {info["session_id"] for info in self.engine.sessions()}
        assert listed == self.models.keys()
        for session, model in self.models.items():
            assert state_of(self.engine, session) == folded(model.events)
            found = {event.seq: event.hash for event in events_of(self.engine, session)}
            known = {event.seq: event.hash for event in model.events}
            assert found.items() <= known.items()
            assert {seq for seq in known if seq > model.floor} <= found.keys()
            report = self.engine.verify(session)
            assert report.ok, (session, report.problems)


TestForks = Forks.TestCase
TestForks.settings = settings(stateful_step_count=25, deadline=None)
