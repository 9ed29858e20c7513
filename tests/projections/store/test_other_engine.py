"""A store over an engine without files, far away, whose answers get lost: it is as any other."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from journal import HistoryError, NotFoundError, ReadError, SessionFileError, StorageError
from journal.events import Takeover
from tests.journal.engines.cas.narrow import Fault, NarrowStore
from tests.projections.store.cas_store import CasStore

SESSIONS = ["s", "a/b", ""]

sessions = st.sampled_from(SESSIONS)
runtimes = st.sampled_from(["native", "plugin", "ü"])
turns = st.sampled_from(["t0", "t1", "t2"])
states = st.dictionaries(st.sampled_from(["calls", "x"]), st.integers() | st.text(), max_size=2)
stores = st.integers(0, 1)
some_faults = st.lists(  # fewer than an engine has patience for
    st.sampled_from([fault for fault in Fault if fault is not Fault.RIVAL]), max_size=8
)

Model = dict[str, dict[str, dict[str, Any]]]


class CasStoreMachine(RuleBasedStateMachine):
    """Two processes with a store each. `model` is what both must show."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = NarrowStore()
        self.stores = [self.open(), self.open()]
        self.model: Model = {}
        self.heads: dict[str, str] = {}

    def open(self) -> CasStore:
        return CasStore(self.narrow, max_open=2)

    @rule(faults=some_faults)
    def trouble_comes(self, faults: list[Fault]) -> None:
        self.narrow.faults = iter(faults)

    @rule(at=stores, session=sessions, runtime=runtimes, turn=turns, state=states)
    def set(self, at: int, session: str, runtime: str, turn: str, state: dict[str, Any]) -> None:
        assert self.stores[at].set_runtime_state(session, runtime, turn, state) is True
        self.model.setdefault(session, {}).setdefault(runtime, {})[turn] = state

    @rule(at=stores, session=sessions, runtime=st.none() | runtimes)
    def clear(self, at: int, session: str, runtime: str | None) -> None:
        assert self.stores[at].clear_runtime_state(session, runtime) is True
        if runtime is None:
            self.model.get(session, {}).clear()
        else:
            self.model.get(session, {}).pop(runtime, None)

    @rule(at=stores, session=sessions, runtime=runtimes)
    def take_over(self, at: int, session: str, runtime: str) -> None:
        view = self.stores[at].take_over(session, runtime)
        assert json.dumps(view) == json.dumps(self.model.setdefault(session, {}))
        past = self.stores[at].past(session)
        assert past is not None
        *_, last = past.in_order()
        assert isinstance(last.event, Takeover)
        assert (last.event.runtime_id, last.event.seen_seq) == (runtime, last.event.seq - 1)

    @rule(at=stores, session=sessions)
    def delete(self, at: int, session: str) -> None:
        assert self.stores[at].delete_session(session) is (session in self.model)
        self.model.pop(session, None)
        self.heads.pop(session, None)

    @rule(at=stores, session=sessions, history=st.sampled_from(["archive", "drop"]))
    def compact(self, at: int, session: str, history: Any) -> None:
        report = self.stores[at].compact(session, history)
        assert (report is not None) is (session in self.model)

    @rule(at=stores, session=sessions)
    def verify_and_note_the_head(self, at: int, session: str) -> None:
        report = self.stores[at].verify(session, self.heads.get(session))
        assert report.ok, report.problems
        assert (report.head is not None) is (session in self.model)
        if report.head is not None:
            self.heads[session] = str(report.head)

    @rule(at=stores)
    def reopen(self, at: int) -> None:
        self.stores[at].flush()
        self.stores[at].close()
        self.stores[at] = self.open()

    @invariant()
    def both_show_the_model(self) -> None:
        for store in self.stores:
            for session in SESSIONS:
                assert json.dumps(store.state_at(session)) == json.dumps(
                    self.model.get(session, {})
                )

    @invariant()
    def both_list_it(self) -> None:
        for store in self.stores:
            found = [info["session_id"] for info in store.list_sessions()]
            assert sorted(found) == sorted(self.model)

    def teardown(self) -> None:
        for store in self.stores:
            store.close()


TestCasStore = CasStoreMachine.TestCase
TestCasStore.settings = settings(stateful_step_count=20, suppress_health_check=list(HealthCheck))


class TestWithoutFiles:
    def test_what_goes_with_files_is_not_there(self) -> None:
        with CasStore(NarrowStore()) as store:
            store.set_runtime_state("s", "native", "t", {"n": 1})
            assert (store.session_dir, store.session_file_path("s")) == (None, None)
            assert store.session_exists("s")
            assert not store.session_exists("other")
            store.refresh_session_file("s")
            store.flush()
            with pytest.raises(SessionFileError):
                store.session_document("s")

    def test_looking_back_and_following_need_none(self) -> None:
        with CasStore(NarrowStore()) as store, CasStore(store.narrow) as other:
            with store.tail("s") as tail:
                for number in range(3):
                    other.set_runtime_state("s", "native", "t", {"n": number})
                assert [next(tail).state["n"] for _ in range(3)] == [0, 1, 2]
            assert [step.state["n"] for step in store.replay("s")] == [0, 1, 2]
            assert store.state_at("s", 2) == {"native": {"t": {"n": 1}}}
            store.compact("s", "drop")
            with pytest.raises(HistoryError):
                store.state_at("s", 2)
            with pytest.raises(NotFoundError):
                store.state_at("s", 99)

    def test_the_newest_of_many_sessions_are_listed(self) -> None:
        with CasStore(NarrowStore()) as store:
            for number in range(5):
                store.set_runtime_state(f"s-{number}", "native", "t", {})
            found = [info["session_id"] for info in store.list_sessions(2)]
        assert found == ["s-4", "s-3"]


class TestOutOfReach:
    def test_a_session_that_cannot_be_read_is_not_an_empty_one(self) -> None:
        narrow = NarrowStore()
        with CasStore(narrow) as store:
            store.set_runtime_state("s", "native", "t", {"n": 1})
            narrow.faults = iter([Fault.REFUSED] * 1000)
            with pytest.raises(ReadError):
                store.get_runtime_state("s", "native", "t")
            with pytest.raises(ReadError):
                store.list_sessions()
            narrow.faults = iter(())
            assert store.get_runtime_state("s", "native", "t") == {"n": 1}

    def test_a_durability_that_cannot_be_promised_is_refused_at_once(self) -> None:
        with pytest.raises(StorageError, match="does not sync"):
            CasStore(NarrowStore(syncs=False))
