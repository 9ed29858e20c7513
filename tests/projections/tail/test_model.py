"""Tails against a model, in one process."""

import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from journal import SessionConfig
from journal.events import Set
from projections import DefaultSessionStore
from tests.faults.sizes import examples
from tests.projections.tail.tails import log_id, put, take
from tests.support import FaultyStorage


class TailMachine(RuleBasedStateMachine):
    """`due` has what must still arrive of each session, `(log, seq, turn)`."""

    names = ("a", "b", "c/d", "", "e")
    in_memory = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="journal-tail-")
        config = SessionConfig(persist=not self.in_memory, mirror_runtime_state=True)
        self.store = DefaultSessionStore(
            self.folder,
            config=config,
            durability="os",
            storage=FaultyStorage(lambda name, _: 0 if name.startswith("sync") else None),
        )
        self.due: dict[str, list[tuple[str, int, str]]] = {name: [] for name in self.names}
        self.heads: dict[str, tuple[str, int]] = {}
        self.tail = self.store.tail()
        self.number = 0

    @rule(name=st.sampled_from(names), count=st.integers(1, 4), turn=st.sampled_from("tuv"))
    def append(self, name: str, count: int, turn: str) -> None:
        self.number += 1
        self.store.set_many(name, [("r", turn, {"n": n}) for n in range(count)])
        if name not in self.heads:
            self.heads[name] = (log_id(self.store, name), 0)
        log, seq = self.heads[name]
        self.due[name] += [(log, seq + n, turn) for n in range(1, count + 1)]
        self.heads[name] = (log, seq + count)

    @rule(name=st.sampled_from(names))
    def compact(self, name: str) -> None:
        self.store.compact(name)

    @rule(share=st.floats(0, 1))
    def read(self, share: float) -> None:
        waiting = sum(map(len, self.due.values()))
        for arrival in take(self.tail, round(share * waiting)):
            assert isinstance(arrival.event, Set)
            place = (arrival.cursor.log_id, arrival.cursor.seq, arrival.event.turn_id)
            assert place == self.due[arrival.session_id].pop(0)
            assert arrival.event.seq == arrival.cursor.seq
            assert arrival.lost == 0

    @rule(name=st.sampled_from(names))
    def delete(self, name: str) -> None:
        self.read(1.0)  # what was not read before is gone with it
        assert self.store.delete_session(name) is (name in self.heads)
        self.heads.pop(name, None)

    @rule(as_text=st.booleans())
    def resume(self, as_text: bool) -> None:
        cursors = self.tail.cursors
        self.tail.close()
        after = {name: str(cursor) if as_text else cursor for name, cursor in cursors.items()}
        self.tail = self.store.tail(after=after, from_start=True)

    @invariant()
    def cursors_are_where_reading_has_got_to(self) -> None:
        for name, cursor in self.tail.cursors.items():
            if name in self.heads and self.due[name]:
                log, seq, _ = self.due[name][0]
                assert cursor.log_id != log or cursor.seq == seq - 1

    def teardown(self) -> None:
        try:
            self.read(1.0)
            for name in self.names:
                self.append(name, 1, "last")
            self.read(1.0)
            assert not any(self.due.values())
        finally:
            self.tail.close()
            self.store.close()
            shutil.rmtree(self.folder)


class MemoryTailMachine(TailMachine):
    in_memory = True


machine_settings = settings(
    max_examples=examples(1 / 2),
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
)
TestTailOfFiles = TailMachine.TestCase
TestTailOfFiles.settings = machine_settings
TestTailInMemory = MemoryTailMachine.TestCase
TestTailInMemory.settings = machine_settings


class TestTailWithRoomForFew(TailMachine.TestCase):  # type: ignore[misc, valid-type]
    """Fewer followers, and fewer open files, than there are sessions."""

    settings = machine_settings

    @pytest.fixture(autouse=True)
    def _little_room(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("projections.tail.followers._MOST_OPEN", 1)
        monkeypatch.setattr("projections.tail.followers._MOST", 2)


def test_more_sessions_than_open_files_of_those_asked_for(
    either: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.tail.followers._MOST_OPEN", 1)
    monkeypatch.setattr("projections.tail.followers._MOST", 2)
    names = [f"s{number}" for number in range(6)]
    with either.tail(names) as tail:
        for number in range(3):
            for name in names:
                put(either, name, f"t{number}")
            found = take(tail, len(names))
            assert sorted((a.session_id, a.event.seq) for a in found) == [
                (name, number + 1) for name in names
            ]
