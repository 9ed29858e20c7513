"""The store's API: what its methods promise beyond what the engines do."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from journal import (
    ClosedError,
    JournalError,
    LimitExceededError,
    Limits,
    ReadError,
    SessionConfig,
    StateTypeError,
    StateValueError,
)
from projections import DefaultSessionStore
from projections.store.refreshing import FileRefresher
from tests.support import FaultyStorage, fails, files_in, finish_maintenance

SECRET_FREE = {"tool_calls": ["call-1"], "transcript": [{"role": "user", "content": "hi"}]}


def store_at(folder: Path, **options: object) -> DefaultSessionStore:
    settings: dict[str, object] = {"durability": "os", **options}
    return DefaultSessionStore(folder, **settings)  # type: ignore[arg-type]


class TestTheSeedsThreeMethods:
    def test_what_is_set_is_got_by_turn_and_by_runtime(self, tmp_path: Path) -> None:
        with store_at(tmp_path) as store:
            assert store.set_runtime_state("s", "native", "t1", SECRET_FREE) is True
            assert store.set_runtime_state("s", "native", "t2", {}) is True
            assert store.get_runtime_state("s", "native", "t1") == SECRET_FREE
            assert store.get_runtime_state("s", "native") == {"t1": SECRET_FREE, "t2": {}}

    def test_what_is_missing_is_an_empty_dict_and_creates_no_file(self, tmp_path: Path) -> None:
        folder = tmp_path / "none"
        with store_at(folder) as store:
            assert store.get_runtime_state("s", "native") == {}
            assert store.get_runtime_state("s", "native", "t1") == {}
            assert store.clear_runtime_state("s") is True
            assert store.session_exists("s") is False
            assert store.list_sessions() == []
            assert store.delete_session("s") is False
            assert store.compact("s") is None
            assert store.verify("s").head is None
        assert not folder.exists()

    def test_what_get_returns_is_the_callers_own(self, tmp_path: Path) -> None:
        with store_at(tmp_path) as store:
            store.set_runtime_state("s", "native", "t1", {"calls": ["a"]})
            store.get_runtime_state("s", "native", "t1")["calls"].append("b")
            store.get_runtime_state("s", "native")["t2"] = {}
            assert store.get_runtime_state("s", "native") == {"t1": {"calls": ["a"]}}

    def test_mirroring_switched_off_saves_nothing_and_says_true(self, tmp_path: Path) -> None:
        with store_at(tmp_path) as store:
            assert store.set_runtime_state("s", "r", "t", {"a": 1}, mirror_enabled=False) is True
            assert store.set_many("s", [("r", "t", {})], mirror_enabled=False) is True
        with store_at(tmp_path, config=SessionConfig()) as store:
            assert store.set_runtime_state("s", "r", "t", {"a": 1}) is True
        assert files_in(tmp_path) == set()

    def test_turns_keep_the_order_of_their_first_set_since_the_last_clear(
        self, tmp_path: Path
    ) -> None:
        with store_at(tmp_path) as store:
            for turn in ("b", "a", "c", "a"):
                store.set_runtime_state("s", "r", turn, {"n": turn})
            assert list(store.get_runtime_state("s", "r")) == ["b", "a", "c"]
            store.compact("s")
            assert list(store.get_runtime_state("s", "r")) == ["b", "a", "c"]
            store.clear_runtime_state("s", "r")
            for turn in ("c", "b"):
                store.set_runtime_state("s", "r", turn, {})
        with store_at(tmp_path) as store:
            assert list(store.get_runtime_state("s", "r")) == ["c", "b"]

    def test_clear_drops_one_runtime_or_all_and_the_log_keeps_the_history(
        self, tmp_path: Path
    ) -> None:
        with store_at(tmp_path) as store:
            for runtime in ("one", "two", "three"):
                store.set_runtime_state("s", runtime, "t", {"of": runtime})
            assert store.clear_runtime_state("s", "two") is True
            assert store.get_runtime_state("s", "two") == {}
            assert store.get_runtime_state("s", "one") == {"t": {"of": "one"}}
            assert store.clear_runtime_state("s") is True
            assert store.get_runtime_state("s", "three") == {}
            size = (tmp_path / "s.jsonl").stat().st_size
            store.clear_runtime_state("s")
            assert (tmp_path / "s.jsonl").stat().st_size == size, "nothing to clear, no event"
        assert '{"of":"two"}' in (tmp_path / "s.jsonl").read_text()

    @pytest.mark.parametrize("bad", [{"n": float("nan")}, {"when": {1, 2}}, {1: "x"}, ["no dict"]])
    def test_a_state_that_cannot_be_kept_is_refused_and_nothing_is_written(
        self, tmp_path: Path, bad: object
    ) -> None:
        with store_at(tmp_path) as store:
            with pytest.raises((TypeError, ValueError), match="state"):
                store.set_runtime_state("s", "r", "t", bad)  # type: ignore[arg-type]
            with pytest.raises(JournalError):
                store.set_many("s", [("r", "t", {}), ("r", "t2", bad)])  # type: ignore[list-item]
        assert files_in(tmp_path) == set()

    def test_ids_that_are_no_strings_are_refused_by_name(self, tmp_path: Path) -> None:
        with store_at(tmp_path) as store:
            with pytest.raises(StateTypeError, match="turn_id must be a string, not int"):
                store.set_runtime_state("s", "r", 7, {})  # type: ignore[arg-type]
            with pytest.raises(StateTypeError, match="session_id"):
                store.set_runtime_state(None, "r", "t", {})  # type: ignore[arg-type]
            with pytest.raises(StateValueError, match="runtime_id"):
                store.set_runtime_state("s", "\ud800", "t", {})
        assert files_in(tmp_path) == set()


class TestSetMany:
    def test_a_batch_is_one_write_and_one_sync(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[str] = []
        items = [("r", f"t{n}", {"n": n}) for n in range(1000)]

        def note(name: str, args: tuple[Any, ...]) -> None:
            if name in ("write", "sync"):
                calls.append(name)

        with DefaultSessionStore(tmp_path, storage=FaultyStorage(note)) as store:
            store.set_runtime_state("s", "r", "first", {})
            monkeypatch.setattr(FileRefresher, "refresh_if_due", lambda _: None)
            calls.clear()
            assert store.set_many("s", items) is True
            assert calls == ["write", "sync"]
            assert len(store.get_runtime_state("s", "r")) == 1001

    def test_an_empty_batch_creates_nothing(self, tmp_path: Path) -> None:
        with store_at(tmp_path) as store:
            assert store.set_many("s", []) is True
        assert files_in(tmp_path) == set()


class TestLimits:
    def test_by_default_it_warns_once_per_runtime_and_saves(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with store_at(tmp_path) as store, caplog.at_level(logging.WARNING):
            for turn in range(3):
                store.set_runtime_state("s", "big", f"t{turn}", {"x": "y" * 2000})
            store.set_runtime_state("s", "small", "t", {"x": "y"})
            assert len(store.get_runtime_state("s", "big")) == 3
        assert [record.message.count("'big'") for record in caplog.records] == [1]
        assert "y" * 50 not in caplog.text

    def test_the_sum_of_a_runtimes_turns_counts_too(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with store_at(tmp_path) as store, caplog.at_level(logging.WARNING):
            for turn in range(10):
                store.set_runtime_state("s", "r", f"t{turn}", {"x": "y" * 1000})
            assert caplog.records == []
            store.set_runtime_state("s", "r", "one more", {"x": "y" * 1000})
        assert len(caplog.records) == 1

    def test_rejecting_saves_nothing_and_counts_what_is_replaced(self, tmp_path: Path) -> None:
        limits = Limits(turn_bytes=100, runtime_bytes=150, on_exceed="reject")
        with store_at(tmp_path, limits=limits) as store:
            with pytest.raises(LimitExceededError, match="turn 't'"):
                store.set_runtime_state("s", "r", "t", {"x": "y" * 100})
            assert store.set_runtime_state("s", "r", "a", {"x": "y" * 80})
            assert store.set_runtime_state("s", "r", "a", {"x": "z" * 80})
            with pytest.raises(LimitExceededError, match="turns of 'r'"):
                store.set_runtime_state("s", "r", "b", {"x": "y" * 80})
            with pytest.raises(LimitExceededError):
                store.set_many("s", [("r", "b", {"x": "y" * 30}), ("r", "c", {"x": "y" * 30})])
            assert list(store.get_runtime_state("s", "r")) == ["a"]


class TestSessions:
    def test_listing_gives_the_last_changed_first(self, tmp_path: Path) -> None:
        with store_at(tmp_path) as store:
            for number, session in enumerate(("old", "new", "newest")):
                store.set_runtime_state(session, "r", "t", {})
                os.utime(tmp_path / f"{session}.jsonl", (number, number))
            found = store.list_sessions()
            assert [info["session_id"] for info in found] == ["newest", "new", "old"]
            assert store.list_sessions(limit=1) == found[:1]

    def test_a_session_file_that_goes_while_it_is_listed_is_left_out(self, tmp_path: Path) -> None:
        for session in ("goes", "stays"):
            (tmp_path / f"{session}.json").write_text(f'{{"session_id": "{session}"}}')

        def fault(name: str, args: tuple[Any, ...]) -> None:
            if name == "modified" and args[0].endswith("goes.json"):
                raise FileNotFoundError(2, "No such file or directory")

        with store_at(tmp_path, storage=FaultyStorage(fault)) as store:
            assert [info["session_id"] for info in store.list_sessions()] == ["stays"]

    def test_a_session_file_that_cannot_be_looked_at_fails_the_listing(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "s.json").write_text('{"session_id": "s"}')
        fault = fails("modified", 5)
        with (
            store_at(tmp_path, storage=FaultyStorage(fault)) as store,
            pytest.raises(ReadError, match=r"s\.json: "),
        ):
            store.list_sessions()

    def test_listing_looks_at_the_logs_alone_where_each_session_has_one(
        self, tmp_path: Path
    ) -> None:
        """Else a folder of very many sessions takes several times as long to list."""
        looks: list[str] = []

        def watch(name: str, args: tuple[Any, ...]) -> None:
            looks.append(name)

        with store_at(tmp_path, storage=FaultyStorage(watch)) as store:
            for number in range(3):
                store.set_runtime_state(f"s{number}", "r", "t", {})
            assert {"s0.jsonl", "s0.json", "s0.json.lock"} <= set(os.listdir(tmp_path))
            looks.clear()
            assert len(store.list_sessions()) == 3
            assert looks == ["list", "names"]

    def test_a_deleted_session_takes_its_history_along(self, tmp_path: Path) -> None:
        with store_at(tmp_path) as store:
            store.set_runtime_state("s", "r", "t", {"n": 1})
            store.set_runtime_state("s", "r", "t", {"n": 2})
            store.compact("s")
            store.set_runtime_state("stays", "r", "t", {})
            assert store.delete_session("s") is True
            assert store.session_exists("s") is False
            assert store.get_runtime_state("s", "r") == {}
            assert [info["session_id"] for info in store.list_sessions()] == ["stays"]
        assert files_in(tmp_path) == {"stays.jsonl", "stays.json"}

    def test_a_session_file_newer_than_an_interrupted_deletion_is_kept(
        self, tmp_path: Path
    ) -> None:
        from journal.engines.files.sealing import seal
        from tests.support import open_log, segment_of, set_event

        log, _ = open_log(tmp_path)
        log.append([set_event("a")])
        seal(segment_of(log), reason="deleted", writer="w", session_file="s.json")
        log.close()
        os.utime(tmp_path / "s.jsonl", (1, 1))
        (tmp_path / "s.json").write_text('{"session_id":"s","messages":[{"role":"user"}]}')
        with store_at(tmp_path) as store:
            assert store.get_runtime_state("s", "native") == {}
            store.set_runtime_state("s", "r", "t", {"n": 1})
            assert store.get_runtime_state("s", "native") == {}
            assert store.get_runtime_state("s", "r") == {"t": {"n": 1}}
        assert json.loads((tmp_path / "s.json").read_text())["messages"] == [{"role": "user"}]

    def test_open_descriptors_are_bounded(self, tmp_path: Path) -> None:
        def logs_open() -> int:
            links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
            targets = [os.readlink(link) for link in links if os.path.lexists(link)]
            return sum(target.startswith(str(tmp_path)) for target in targets)

        with store_at(tmp_path, max_open=5) as store:
            for number in range(50):
                store.set_runtime_state(f"s{number}", "r", "t", {"n": number})
                assert logs_open() <= 5
            for number in range(50):
                assert store.get_runtime_state(f"s{number}", "r", "t") == {"n": number}
            assert logs_open() <= 5
        assert logs_open() == 0


class TestLifetime:
    def test_a_closed_store_says_so(self, tmp_path: Path) -> None:
        store = store_at(tmp_path)
        store.set_runtime_state("s", "r", "t", {})
        store.close()
        store.close()
        with pytest.raises(ClosedError, match="closed"):
            store.get_runtime_state("s", "r")
        with pytest.raises(ClosedError):
            store.set_runtime_state("s", "r", "t", {})
        with pytest.raises(ClosedError):
            store.flush()

    def test_a_store_that_is_not_closed_loses_nothing(self, tmp_path: Path) -> None:
        store_at(tmp_path).set_runtime_state("s", "r", "t", {"n": 1})
        assert store_at(tmp_path).get_runtime_state("s", "r", "t") == {"n": 1}

    def test_closing_waits_for_the_archive_to_be_packed(self, tmp_path: Path) -> None:
        store = store_at(tmp_path)
        for number in range(3):
            store.set_runtime_state("s", "r", "t", {"n": number})
        store.compact("s")
        store.close()
        assert files_in(tmp_path) == {"s.jsonl", "s.json", "archive/s.3.jsonl.gz"}

    def test_in_memory_nothing_touches_the_disk(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PRAISONAI_HOME", str(tmp_path))
        config = SessionConfig(persist=False, mirror_runtime_state=True)
        with DefaultSessionStore(config=config) as store:
            for number in range(3):
                store.set_runtime_state("s", "r", "t", {"n": number})
            report = store.compact("s")
            assert report is not None
            assert report.events_after == 1
            assert store.get_runtime_state("s", "r") == {"t": {"n": 2}}
            assert store.verify("s").ok
            assert store.session_dir is None
            store.flush()
        assert list(tmp_path.iterdir()) == []


class TestAutomaticCompaction:
    def test_a_log_that_is_mostly_dead_is_compacted_off_the_callers_path(
        self, tmp_path: Path
    ) -> None:
        state = {"x": "y" * 1000}
        with store_at(tmp_path, limits=Limits(10_000, 100_000)) as store:
            for number in range(3000):
                store.set_runtime_state("s", "r", f"t{number % 7}", {**state, "n": number})
            finish_maintenance(store)
            assert (tmp_path / "s.jsonl").stat().st_size < 2_500_000
            assert len(store.get_runtime_state("s", "r")) == 7
            report = store.verify("s")
            assert report.ok
            assert report.archived_events > 0

    def test_it_can_be_switched_off(self, tmp_path: Path) -> None:
        with store_at(tmp_path, auto_compact=False, limits=Limits(10_000, 100_000)) as store:
            for number in range(2000):
                store.set_runtime_state("s", "r", "t", {"x": "y" * 1000, "n": number})
        assert (tmp_path / "s.jsonl").stat().st_size > 2_000_000

    def test_a_log_full_of_living_turns_is_left_alone(self, tmp_path: Path) -> None:
        with store_at(tmp_path, limits=Limits(10_000, 10_000_000)) as store:
            store.set_many("s", [("r", f"t{n}", {"x": "y" * 1000}) for n in range(2000)])
            finish_maintenance(store)
            assert store.verify("s").archived_events == 0
