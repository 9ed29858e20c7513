"""What goes wrong is counted, logged once, and reaches no agent."""

import logging
from errno import EACCES, ENOSPC
from pathlib import Path

import pytest

from journal.errors import ClosedError, DamagedError, StateTypeError
from projections import DefaultSessionStore
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Turn
from projections.store.store import writer_of
from tests.adapters.recorder.ways import Way, new, states, story
from tests.support import FaultyStorage, fails, no_fault


@pytest.mark.parametrize(("call", "errno"), [("write", ENOSPC), ("open", EACCES)])
def test_a_journal_that_fails_is_counted_and_logged_once_and_no_agent_hears_of_it(
    call: str, errno: int, way: Way, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = FaultyStorage(no_fault)
    with DefaultSessionStore(tmp_path / "new", storage=storage, durability="os") as store:
        way = way.to(Recorder(store))
        storage.fault = fails(call, errno, times=1 << 30)
        for name in ("lost-1", "lost-2"):
            turn = new(turn=name)
            way.open(turn)
            way.close(turn)
            way.settle()
        failures = way.recorder.failures
        assert failures >= 4
        assert getattr(way.recorder.last_failure, "errno", None) == errno
        storage.fault = no_fault
        turn = new(turn="kept")
        way.open(turn)
        way.close(turn)
        assert story(store) == ["triage kept open", "triage kept completed"]
        assert way.recorder.failures == failures
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    text = record.getMessage()
    assert text.startswith("turn 'lost-1' of 'triage' in session 's' is not mirrored: ")
    assert text.endswith(". The agent goes on; further failures are counted, not logged")
    assert record.exc_info is None


def test_every_failed_write_is_counted(way: Way, tmp_path: Path) -> None:
    storage = FaultyStorage(no_fault)
    with DefaultSessionStore(tmp_path / "new", storage=storage, durability="os") as store:
        way = way.to(Recorder(store))
        turn = new()
        way.open(turn)
        way.settle()
        storage.fault = fails("write", ENOSPC)
        way.save(turn)
        way.settle()
        assert way.recorder.failures == 1
        way.close(turn)
        way.settle()
        assert way.recorder.failures == 1
        assert states(store) == [("open", {}), ("completed", {})]


def test_who_had_the_session_may_stay_unknown(
    way: Way, store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> None:
        raise DamagedError("nothing can be read")

    monkeypatch.setattr(writer_of(store), "owner", damaged)
    turn = new()
    way.open(turn)
    way.close(turn)
    assert isinstance(way.recorder.last_failure, DamagedError)
    assert states(store) == [("open", {}), ("completed", {})]


def test_what_can_be_no_session_is_counted(way: Way, store: DefaultSessionStore) -> None:
    turn = Turn(session_id=5, runtime_id="triage")  # type: ignore[arg-type]
    way.open(turn)
    way.save(turn)
    way.close(turn)
    way.settle()
    assert isinstance(way.recorder.last_failure, StateTypeError)
    assert store.list_sessions() == []


def test_a_store_that_was_closed_is_counted(way: Way, store: DefaultSessionStore) -> None:
    turn = new()
    way.open(turn)
    way.settle()
    store.close()
    way.close(turn)
    way.settle()
    assert way.recorder.failures == 1
    assert isinstance(way.recorder.last_failure, ClosedError)


def test_an_adapters_own_trouble_is_counted_with_the_rest_and_shows_where_it_was(
    way: Way, store: DefaultSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        raise KeyError("a new release has no such field")
    except KeyError as error:
        way.recorder.note_failure(error)
        noted = error
    store.close()
    turn = new()
    way.close(turn)
    way.settle()
    way.recorder.note_failure(ValueError("and another"))
    assert way.recorder.failures == 3
    assert isinstance(way.recorder.last_failure, ValueError)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is noted
    assert "KeyError: 'a new release has no such field'" in record.getMessage()
