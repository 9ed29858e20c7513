"""Sessions: which there are, which there are not, and which there are no more."""

from typing import Any

import pytest

from journal.backend import Backend
from journal.errors import StateTypeError
from tests.journal.engines.contract.looking import events_in, turn_ids
from tests.support import Recorder, is_there, set_event


def test_an_unknown_session_is_nothing_and_stays_nothing(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    assert not log.refresh()
    assert log.head is None
    assert events_in(engine) == []
    assert engine.compact("s") is None
    assert engine.delete("s") is False
    assert is_there(engine) is False
    assert list(engine.sessions()) == []
    assert engine.verify("s").head is None


def test_the_past_of_a_session_that_does_not_exist_is_none(engine: Backend) -> None:
    assert engine.history("s") is None
    engine.open("s", Recorder()).append([set_event("a")])
    engine.delete("s")
    assert engine.history("s") is None


def test_a_deleted_session_is_gone_and_comes_back_as_another(engine: Backend) -> None:
    recorder = Recorder()
    log = engine.open("s", recorder)
    old = log.append([set_event("a"), set_event("a")])
    engine.compact("s")
    assert engine.delete("s") is True
    assert is_there(engine) is False
    assert not log.refresh()
    assert recorder.events == []
    assert list(engine.sessions()) == []
    new = log.append([set_event("b")])
    assert (new.seq, new.log_id != old.log_id) == (1, True)
    assert turn_ids(engine) == ["b"]


@pytest.mark.parametrize("session_id", [5, None, b"s"], ids=repr)
def test_what_is_no_id_is_refused(engine: Backend, session_id: Any) -> None:
    with pytest.raises(StateTypeError):
        engine.open(session_id, Recorder())
    with pytest.raises(StateTypeError):
        engine.delete(session_id)


def test_listing_knows_every_session_once(engine: Backend) -> None:
    ids = ["plain", "a/b", "a_b", "", "ü" * 200, "x" * 300]
    for session_id in ids:
        engine.open(session_id, Recorder()).append([set_event("a")])
    assert sorted(info["session_id"] for info in engine.sessions()) == sorted(ids)
    assert all(info["log_bytes"] > 0 for info in engine.sessions())


def test_sessions_are_listed_in_the_order_asked_for_and_no_more_of_them(engine: Backend) -> None:
    ids = ["c", "a", "b" * 300, "d"]
    for session_id in ids:
        engine.open(session_id, Recorder()).append([set_event("a")])
    engine.open("a", Recorder()).append([set_event("newest")])

    def listed(**options: Any) -> list[str]:
        return [info["session_id"] for info in engine.sessions(**options)]

    assert listed(order="id") == sorted(ids)
    assert listed(order="id", limit=2) == ["a", "b" * 300]
    assert sorted(listed()) == sorted(ids)
    times = [info["updated_at"] for info in engine.sessions()]
    assert times == sorted(times, reverse=True)
    assert listed(limit=3) == listed()[:3]
    assert listed(limit=0) == []
