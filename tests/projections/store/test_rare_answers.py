"""What a store answers where a thread, a lock, a file or room is not to be had."""

import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from journal import Limits, exiting
from journal.engines.files.storage import DiskStorage
from journal.errors import LimitExceededError, ReadError, SessionFileError
from journal.names import paths_of
from journal.room import Answer
from projections import DefaultSessionStore
from projections.store import open_sessions
from projections.store.background import Maintenance
from projections.store.limits import LimitCheck
from projections.store.session_file import SessionFile
from projections.store.store import writer_of
from tests.support import FaultyStorage, fails, finish_maintenance, set_event


def session_file(folder: Path, storage: DiskStorage | None = None) -> SessionFile:
    return SessionFile(storage or DiskStorage(), paths_of(str(folder), "s"), durable=False)


# In the background


def test_without_a_thread_work_is_put_off_and_said_to_be(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    maintenance = Maintenance()
    done: list[bool] = []
    with monkeypatch.context() as patch:
        patch.setattr(exiting, "started", lambda thread: False)
        maintenance.schedule("work", lambda stop: done.append(True))
    assert maintenance.wait(0.0)
    assert "no thread can be started" in caplog.text
    assert done == []
    maintenance.schedule("work", lambda stop: done.append(True))
    assert maintenance.wait(60.0)
    assert done == [True]


def test_a_compaction_that_starts_by_itself_waits_for_no_other(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for number in range(3):
            store.set_runtime_state("s", "native", "turn-1", {"n": number})
        compactor = store._compactor
        with compactor._locks.of("s"):
            compactor.schedule("s")
            finish_maintenance(store)
        assert store._sessions.get("s").log.head is not None
        assert not (tmp_path / "archive").exists()


# Limits


def test_a_turn_that_is_set_twice_at_once_counts_once(tmp_path: Path) -> None:
    limits = Limits(runtime_bytes=1_500, on_exceed="reject")
    with DefaultSessionStore(tmp_path, durability="os", limits=limits) as store:
        state = {"text": "x" * 1_000}
        assert store.set_many("s", [("native", "turn-1", state)] * 2)
        with pytest.raises(LimitExceededError):
            store.set_many("s", [("native", "turn-1", state), ("native", "turn-2", state)])


def test_what_exceeded_a_limit_and_does_not_any_more_is_not_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Two threads set and clear: the second has cleared when the first looks for the worst."""
    session: Any = SimpleNamespace(session_id="s", view=SimpleNamespace(sizes={}))
    check = LimitCheck(Limits(runtime_bytes=10, turn_bytes=1_000))
    check._warn_of_worst(session, [set_event("t")])
    assert caplog.records == []
    session.view.sizes = {"native": 11}
    for _ in range(2):  # both threads have found out before either has warned
        check._warn_of_worst(session, [set_event("t")])
    assert len(caplog.records) == 1


# Open sessions


def test_sessions_are_let_go_when_their_views_take_too_much_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_sessions, "_WEIGH_EVERY", 1)
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store._sessions._most_bytes = 5_000
        for session in "abcd":
            store.set_runtime_state(session, "native", "t", {"text": "x" * 2_000})
        # the first three are too large together, which is seen when the fourth is opened
        assert set(store._sessions._sessions) == {"b", "c", "d"}
        assert store.get_runtime_state("a", "native", "t") == {"text": "x" * 2_000}


def test_whether_a_log_in_use_could_be_closed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "native", "t", {})
        log = store._sessions.get("s").log
        for answer in (Answer.BUSY, Answer.NONE):
            with monkeypatch.context() as patch:
                patch.setattr(type(log), "close_idle", lambda _, answer=answer: answer)
                assert store._sessions.close_idle() is answer


# Listing and existence


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path) -> None:
    storage = FaultyStorage(fails("names", errno.EACCES))
    store = DefaultSessionStore(tmp_path, storage=storage)
    with pytest.raises(ReadError, match="cannot be read"):
        store.list_sessions()
    store.close()


def test_a_session_of_which_nothing_can_be_read_can_be_deleted(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_bytes(b"garbage\n" * 3)
    with DefaultSessionStore(tmp_path, durability="os") as store:
        assert store.delete_session("s")
        assert not (tmp_path / "s.jsonl").exists()
        assert not store.delete_session("s")


# The session file


def test_a_damaged_session_file_has_its_name_all_the_same(tmp_path: Path) -> None:
    file = session_file(tmp_path)
    assert file.name() is None
    (tmp_path / "s.json").write_text("{")
    assert file.name() == "s.json"
    refused = session_file(tmp_path, FaultyStorage(fails("open", errno.EACCES)))
    (tmp_path / "s.json").unlink()
    assert refused.name() is None


def test_without_a_file_a_document_is_made(tmp_path: Path) -> None:
    made = json.loads(session_file(tmp_path).document(b'{"native":{}}'))
    assert made["session_id"] == "s"
    assert made["runtime_state"] == {"native": {}}
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_the_system_refuses_is_an_error_of_the_file(tmp_path: Path) -> None:
    file = session_file(tmp_path, FaultyStorage(fails("lock", errno.ENOLCK)))
    with pytest.raises(SessionFileError, match="cannot be locked"):
        file.write(lambda: b"{}", 1.0)


@pytest.mark.parametrize("call", ["write", "rename"])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(call: str, tmp_path: Path) -> None:
    session_file(tmp_path).write(lambda: b'{"old":{}}', 1.0)
    before = (tmp_path / "s.json").read_bytes()
    file = session_file(tmp_path, FaultyStorage(fails(call, errno.ENOSPC)))
    with pytest.raises(SessionFileError, match=os.strerror(errno.ENOSPC)):
        file.write(lambda: b'{"new":{}}', 1.0)
    assert (tmp_path / "s.json").read_bytes() == before
    assert not (tmp_path / "s.json.new").exists()


def test_a_file_set_apart_for_a_session_must_be_its_own(tmp_path: Path) -> None:
    """Both the name of the session and the one set apart for it are of others."""
    paths = paths_of(str(tmp_path), "s")
    for path in (paths.session_file, paths.session_file_apart):
        Path(path).write_text('{"session_id": "other"}')
    with pytest.raises(SessionFileError, match="another session than its name says"):
        session_file(tmp_path).runtime_state()


# Writing at once


def test_who_does_not_own_the_session_writes_nothing_at_once(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "native", "t", {})
        writer = writer_of(store)
        event = set_event("t", runtime="harness")
        assert not writer.append_at_once("s", [event], by_owner=True)
        assert store.get_runtime_state("s", "harness") == {}
        assert writer.append_at_once("s", [event])
        assert store.get_runtime_state("s", "harness") == {"t": {"turn": "t"}}


def test_a_write_at_once_has_a_log_compacted_that_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "native", "t", {})
        bloat = store._sessions.get("s").bloat
        monkeypatch.setattr(type(bloat), "is_due", lambda _: True)
        monkeypatch.setattr(type(bloat), "is_wanted", lambda *_: True)
        assert writer_of(store).append_at_once("s", [set_event("t", runtime="native")])
        finish_maintenance(store)
        assert any((tmp_path / "archive").iterdir())
        assert store.get_runtime_state("s", "native") == {"t": {"turn": "t"}}


# Redaction


def test_a_state_that_is_no_object_is_redacted_by_us_and_not_by_the_users_function(
    tmp_path: Path,
) -> None:
    """Older session files may hold any JSON value."""
    seen: list[Any] = []

    def note(state: dict[str, Any]) -> dict[str, Any]:
        seen.append(state)
        return state

    with DefaultSessionStore(tmp_path, durability="os", redact=note) as store:
        encoder = writer_of(store).encoder
        event = encoder.event("s", "native", "t", ["password=hunter2-Zq9"], "state", kind=object)
    assert bytes(event.state) == b'["password=[REDACTED:password]"]'
    assert seen == []


def test_a_session_file_that_was_never_written_here_has_not_changed(tmp_path: Path) -> None:
    """Whoever has not seen it cannot tell."""
    file = session_file(tmp_path)
    (tmp_path / "s.json").write_text('{"session_id": "s"}')
    assert not file.has_changed()
    file.write(lambda: b"{}", 1.0)
    assert not file.has_changed()
    (tmp_path / "s.json").write_text('{"session_id": "s", "messages": []}')
    assert file.has_changed()
