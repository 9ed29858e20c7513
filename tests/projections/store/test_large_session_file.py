"""Session files that are too large to let a set wait for them."""

import errno
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from projections import DefaultSessionStore
from projections.store.background import Maintenance
from tests.support import FaultyStorage, finish, finish_maintenance, python, state_in

LARGE = {"text": "x" * 70_000}
SMALL = {"text": "x"}


class Gate:
    """A job that keeps the background waiting until it is told to go on."""

    def __init__(self, store: DefaultSessionStore) -> None:
        self._open = threading.Event()
        store._maintenance.schedule("gate", lambda stop: self._open.wait(60))

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DefaultSessionStore]:
    """One of which every set may refresh the session file, however soon it comes."""
    monkeypatch.setattr("projections.store.refreshing._SHARE", 0)
    monkeypatch.setattr("projections.store.refreshing._PATIENCE_OF_BACKGROUND", 0)
    with DefaultSessionStore(tmp_path / "s", durability="os", max_open=1) as store:
        yield store


def shown(tmp_path: Path, session: str = "s") -> Any:
    return state_in(tmp_path / "s" / f"{session}.json")


def test_only_small_ones_are_written_by_the_caller(tmp_path: Path) -> None:
    writers: list[str] = []

    def note(name: str, args: tuple[Any, ...]) -> None:
        if name == "rename" and args[1].endswith(".json"):
            writers.append(threading.current_thread().name)

    with DefaultSessionStore(tmp_path, durability="os", storage=FaultyStorage(note)) as store:
        store.set_runtime_state("s", "native", "t", SMALL)
        store.set_runtime_state("large", "native", "t", LARGE)
        finish_maintenance(store)
        assert writers == [threading.current_thread().name, "journal-maintenance"]


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_it_shows_the_sets_of_a_program_that_ends_without_closing(
    durability: str, tmp_path: Path
) -> None:
    code = "\n".join(
        (
            "import sys; from projections import DefaultSessionStore",
            "store = DefaultSessionStore(sys.argv[1], durability=sys.argv[2])",
            'store.set_runtime_state("s", "native", "t", {"text": "x" * 3_000_000})',
        )
    )
    finish([python(code, str(tmp_path), durability)])
    assert len(state_in(tmp_path / "s.json")["native"]["t"]["text"]) == 3_000_000


def test_a_session_that_made_room_while_it_waited_is_shown(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    gate = Gate(store)
    store.set_runtime_state("s", "native", "t", LARGE)
    store.set_runtime_state("other", "native", "t", SMALL)
    store.set_runtime_state("s", "native", "t", {**LARGE, "n": 2})
    gate.open()
    finish_maintenance(store)
    assert shown(tmp_path)["native"]["t"]["n"] == 2
    store.set_runtime_state("s", "native", "t", {**LARGE, "n": 3})
    finish_maintenance(store)
    assert shown(tmp_path)["native"]["t"]["n"] == 3, "later sets are shown as ever"


def test_a_session_deleted_and_made_again_while_it_waited_is_shown(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    gate = Gate(store)
    store.set_runtime_state("s", "native", "t", LARGE)
    assert store.delete_session("s")
    store.set_runtime_state("s", "native", "again", LARGE)
    gate.open()
    finish_maintenance(store)
    store.set_runtime_state("s", "native", "again", {**LARGE, "n": 2})
    finish_maintenance(store)
    assert shown(tmp_path) == {"native": {"again": {**LARGE, "n": 2}}}


def test_an_interrupt_while_the_thread_starts_does_not_end_it_for_good(
    store: DefaultSessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def interrupted(self: threading.Thread) -> None:
            raise KeyboardInterrupt

        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.set_runtime_state("s", "native", "t", LARGE)
    store.set_runtime_state("s", "native", "t", {**LARGE, "n": 2})
    finish_maintenance(store)
    assert shown(tmp_path)["native"]["t"]["n"] == 2


def test_where_no_thread_can_be_started_the_caller_writes_it(
    store: DefaultSessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journal.exiting.started", lambda thread: False)
    store.set_runtime_state("s", "native", "t", LARGE)
    assert shown(tmp_path) == {"native": {"t": LARGE}}


def test_a_folder_that_was_removed_is_not_made_again(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    gate = Gate(store)
    store.set_runtime_state("s", "native", "t", LARGE)
    shutil.rmtree(tmp_path / "s")
    gate.open()
    finish_maintenance(store)
    assert not (tmp_path / "s").exists()


def test_a_disk_that_is_full_is_told_once_and_fails_no_set(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.store.refreshing._SHARE", 0)

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "rename" and args[1].endswith(".json"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with DefaultSessionStore(tmp_path, durability="os", storage=FaultyStorage(fault)) as store:
        for number in range(3):
            store.set_runtime_state("s", "native", "t", {**LARGE, "n": number})
            finish_maintenance(store)
        assert sum("out of date" in record.getMessage() for record in caplog.records) == 1


def test_nothing_is_scheduled_once_the_program_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    background = Maintenance()
    done: list[str] = []
    gate = threading.Event()
    assert background.schedule("gate", lambda stop: gate.wait(60))
    assert background.schedule("dropped", lambda stop: done.append("dropped"))
    assert background.schedule("kept", lambda stop: done.append("kept"), at_exit=True)
    threading.Timer(0.05, gate.set).start()
    background.at_exit()
    assert done == ["kept"]
    assert not background.schedule("later", lambda stop: done.append("later"))
    monkeypatch.setattr("journal.exiting.begun", True)
    assert not Maintenance().schedule("at the end", lambda stop: done.append("end"))
    assert done == ["kept"]


def test_a_folder_that_cannot_be_looked_at_fails_no_set(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = str(tmp_path)

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "find" and args[0] == folder:
            raise OSError(errno.EIO, "Input/output error")

    with DefaultSessionStore(tmp_path, durability="os", storage=FaultyStorage(fault)) as store:
        store.set_runtime_state("s", "native", "t", SMALL)
        assert store.get_runtime_state("s", "native", "t") == SMALL
    (record,) = caplog.records
    assert "the session file is out of date" in record.getMessage()
