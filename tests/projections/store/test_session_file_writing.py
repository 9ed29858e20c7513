"""Writing the session file: under PraisonAI's lock, past planted links, for us alone."""

import json
import os
import stat
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from praisonaiagents.session.store import FileLock

from journal.engines.files.locking import LockFile
from journal.engines.files.storage import DiskStorage
from journal.errors import AppendError, LockTimeoutError, SessionFileError
from projections import DefaultSessionStore
from projections.store.session_file import SessionFile
from tests.support import BOTH, TURN_1, TURN_2, state_in


@pytest.mark.parametrize("name", ["s.json", "s.json.new", "s.json.lock"])
@pytest.mark.parametrize("there", [True, False], ids=["to a file", "dangling"])
def test_a_planted_symbolic_link_is_not_followed(
    name: str, there: bool, store: DefaultSessionStore, logged: Path, tmp_path_factory: Any
) -> None:
    target = tmp_path_factory.mktemp("elsewhere") / "target"
    content = b'{"session_id": "s", "precious": true}'
    if there:
        target.write_bytes(content)
    link = logged.with_name(name)
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    assert store.set_runtime_state("s", "native", "turn-2", TURN_2)
    store.close()
    assert (target.read_bytes() if target.exists() else None) == (content if there else None)
    with DefaultSessionStore(logged.parent) as again:
        assert again.get_runtime_state("s", "native") == BOTH["native"]


def test_a_symbolic_link_is_not_taken_for_an_older_session(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.write_text(json.dumps({"session_id": "s", "runtime_state": BOTH}))
    (tmp_path / "s.json").symlink_to(target)
    with pytest.raises(SessionFileError, match=r"s\.json"):
        store.get_runtime_state("s", "native")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777], ids=oct)
def test_files_are_0600_and_folders_0700_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        with DefaultSessionStore(tmp_path / "new" / "folder") as store:
            store.set_runtime_state("s", "native", "turn-1", TURN_1)
            store.set_runtime_state("s", "native", "turn-1", TURN_2)
            store.compact("s")
    finally:
        os.umask(before)
    found = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").rglob("*")}
    assert {mode for path, mode in found.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert {"s.jsonl", "s.json", "s.json.lock"} <= {path.name for path in found}


def test_a_folder_that_takes_no_new_file_fails_no_set() -> None:
    nobody = 65534 if os.geteuid() == 0 else os.geteuid()
    with tempfile.TemporaryDirectory() as folder:  # pytest's own lets nobody else in
        (Path(folder) / "s.jsonl").touch()
        os.chown(Path(folder) / "s.jsonl", nobody, -1)
        Path(folder).chmod(0o555)
        before = os.geteuid()
        os.seteuid(nobody)
        try:
            with DefaultSessionStore(folder) as store:
                assert store.set_runtime_state("s", "native", "turn-1", TURN_1)
                with pytest.raises(SessionFileError, match="Permission denied"):
                    store.flush()
                assert store.get_runtime_state("s", "native", "turn-1") == TURN_1
        finally:
            os.seteuid(before)
            Path(folder).chmod(0o755)
        assert not (Path(folder) / "s.json").exists()


def test_a_set_that_wrote_nothing_leaves_no_word_of_a_session_file(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """There is nothing that such a file could lack."""
    nobody = 65534 if os.geteuid() == 0 else os.geteuid()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        before = os.geteuid()
        os.seteuid(nobody)
        try:
            with (
                DefaultSessionStore(folder) as store,
                pytest.raises(AppendError, match="Permission denied"),
            ):
                store.set_runtime_state("new", "native", "turn-1", TURN_1)
        finally:
            os.seteuid(before)
            Path(folder).chmod(0o755)
        assert os.listdir(folder) == []
    assert caplog.messages == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to play two users")
def test_a_lock_file_that_another_user_made_is_used() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        lock = Path(folder) / "s.json.lock"
        lock.touch()
        lock.chmod(0o666)
        os.seteuid(65534)
        try:
            with DefaultSessionStore(folder) as store:
                store.set_runtime_state("s", "native", "turn-1", TURN_1)
                store.flush()
        finally:
            os.seteuid(0)
        assert state_in(Path(folder) / "s.json") == {"native": {"turn-1": TURN_1}}
        assert stat.S_IMODE(lock.stat().st_mode) == 0o666


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each writer was ready to wait for the lock; nobody gets that long."""
    waits = []
    acquire = LockFile.acquire

    def impatient(self: LockFile, timeout: float) -> None:
        waits.append(timeout)
        acquire(self, min(timeout, 0.05))

    monkeypatch.setattr(LockFile, "acquire", impatient)
    return waits


def test_it_is_written_under_praisonais_lock(
    logged: Path, store: DefaultSessionStore, waits: list[float]
) -> None:
    with FileLock(str(logged)):
        assert store.set_runtime_state("s", "native", "turn-2", TURN_2)
        assert waits == [0.0], "a set waits for nobody"
        with pytest.raises(LockTimeoutError, match=r"s\.json\.lock"):
            store.flush()
        assert state_in(logged) == {"native": {"turn-1": TURN_1}}
    store.flush()
    assert state_in(logged) == BOTH


def test_get_waits_for_no_lock_of_a_session_that_has_to_make_room(
    logged: Path, waits: list[float]
) -> None:
    with DefaultSessionStore(logged.parent, max_open=1) as store:
        with FileLock(str(logged)):
            store.set_runtime_state("s", "native", "turn-2", TURN_2)
            assert store.get_runtime_state("other", "native") == {}
            assert set(waits) == {0.0}
        store.get_runtime_state("s", "native")
        store.flush()
    assert state_in(logged) == BOTH


def test_a_set_while_the_file_is_being_written_is_made_up_for(
    store: DefaultSessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = SessionFile.write
    sets = iter([TURN_2])

    def write_slowly(self: SessionFile, render: Callable[[], bytes], timeout: float) -> None:
        def render_and_set() -> bytes:
            encoded = render()
            for state in sets:  # another thread's, which finds the lock taken
                store.set_runtime_state("s", "native", "turn-2", state)
            return encoded

        write(self, render_and_set, timeout)

    monkeypatch.setattr(SessionFile, "write", write_slowly)
    store.set_runtime_state("s", "native", "turn-1", TURN_1)
    assert state_in(tmp_path / "s.json") == {"native": {"turn-1": TURN_1}}
    store.flush()
    assert state_in(tmp_path / "s.json") == BOTH


def test_a_file_that_praisonai_makes_meanwhile_is_written_under_its_own_lock(
    store: DefaultSessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire = LockFile.acquire
    locked: list[str] = []

    def acquire_late(self: LockFile, timeout: float) -> None:
        if not locked:
            (tmp_path / "user_42.json").write_text('{"session_id": "user:42", "messages": []}')
        locked.append(self._path)
        acquire(self, timeout)

    monkeypatch.setattr(LockFile, "acquire", acquire_late)
    store.set_runtime_state("user:42", "native", "turn-1", TURN_1)
    store.flush()
    written = [path for path in tmp_path.glob("*.json") if b"turn-1" in path.read_bytes()]
    assert written
    assert {f"{path}.lock" for path in written} <= set(locked)


def test_while_one_thread_writes_the_file_the_sets_of_others_leave_it_alone(
    tmp_path: Path,
) -> None:
    """They would all open its lock file to find it locked, with each set."""
    in_it, go_on = threading.Event(), threading.Event()
    locks: list[str] = []

    class Held(DiskStorage):
        @staticmethod
        def open(path: str, flags: int) -> int:
            if path.endswith(".lock"):
                locks.append(path)
            return DiskStorage.open(path, flags)

        @staticmethod
        def rename(source: str, target: str) -> None:  # type: ignore[override]
            if target.endswith(".json"):
                in_it.set()
                assert go_on.wait(20)
            os.replace(source, target)

    with DefaultSessionStore(tmp_path, durability="os", storage=Held()) as store:
        first = threading.Thread(target=store.set_runtime_state, args=("s", "r", "first", TURN_1))
        first.start()
        assert in_it.wait(20)
        for number in range(5):
            assert store.set_runtime_state("s", "r", f"turn-{number}", TURN_2)
        assert len(locks) == 1
        go_on.set()
        first.join(20)
    found = json.loads((tmp_path / "s.json").read_bytes())["runtime_state"]["r"]
    assert list(found) == ["first", *(f"turn-{number}" for number in range(5))]
