"""Functions that make events when it is time to append them."""

import threading

import pytest

from journal.backend import Backend
from journal.errors import StateTypeError
from journal.events import Event, Set, Takeover
from tests.journal.engines.contract.looking import events_in, turn_ids
from tests.support import Recorder, is_there, set_event


def test_imported_events_come_first_and_only_in_a_new_log(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("b")], import_events=lambda: [set_event("a")])
    log.append([set_event("c")], import_events=lambda: [set_event("never")])
    assert turn_ids(engine) == ["a", "b", "c"]


def test_events_to_import_that_cannot_be_made_leaves_no_session(engine: Backend) -> None:
    def older() -> list[Set]:
        raise StateTypeError("no")

    with pytest.raises(StateTypeError):
        engine.open("s", Recorder()).append([set_event("b")], import_events=older)
    assert is_there(engine) is False
    assert list(engine.sessions()) == []


def test_events_are_made_from_the_newest_state(engine: Backend) -> None:
    seen = Recorder()
    log, other = engine.open("s", seen), engine.open("s", Recorder())
    log.append([set_event("a")])
    other.append([set_event("b")])

    def answer() -> list[Event]:
        return [Takeover(runtime_id="native", handoff_seq=seen.events[-1].seq)]

    assert log.append(answer).seq == 3
    assert isinstance(seen.events[-1], Takeover)
    assert seen.events[-1].handoff_seq == 2, "the event of the other log was folded before"
    assert seen.events[-1].seen_seq == 2


def test_a_log_is_not_begun_when_its_first_event_cannot_be_made(engine: Backend) -> None:
    def fails() -> list[Event]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        engine.open("s", Recorder()).append(fails)
    assert list(engine.sessions()) == []


def test_a_function_that_makes_no_events_writes_nothing(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    appended: list[int] = []
    assert log.append(tuple, on_appended=lambda: appended.append(1)).seq == 0
    assert not is_there(engine)
    head = log.append([set_event("a")])
    assert log.append(tuple, on_appended=lambda: appended.append(1)) == head
    assert events_in(engine)[-1].seq == 1
    assert appended == []


def test_who_makes_events_sees_nothing_of_a_log_that_was_deleted(engine: Backend) -> None:
    seen = Recorder()
    log = engine.open("s", seen)
    log.append([set_event("a")])
    assert engine.delete("s")
    found: list[list[str]] = []

    def make() -> list[Event]:
        found.append(seen.turns)
        return [set_event("b")]

    assert log.append(make).seq == 1
    assert set(map(tuple, found)) == {()}
    assert seen.turns == ["b"] == turn_ids(engine)


def test_a_refresh_while_events_are_made_folds_nothing(engine: Backend) -> None:
    """What they are made of does not change under their maker's hands."""
    seen = Recorder()
    log, other = engine.open("s", seen), engine.open("s", Recorder())
    log.append([set_event("a")])
    found: list[bool] = []

    def make() -> list[Event]:
        before = seen.turns
        found.append(log.refresh())
        assert seen.turns == before
        return [set_event("c")]

    other.append([set_event("b")])
    log.append(make)
    assert set(found) == {True}
    assert turn_ids(engine) == ["a", "b", "c"]


def test_events_that_cannot_be_made_leave_the_log_as_it_was(engine: Backend) -> None:
    seen = Recorder()
    log = engine.open("s", seen)
    log.append([set_event("a")])

    def make() -> list[Event]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        log.append(make)
    assert engine.open("s", Recorder()).append([set_event("b")]).seq == 2
    log.refresh()
    assert seen.turns == ["a", "b"]


def test_what_is_called_when_events_are_appended_sees_them_folded_and_nothing_later(
    engine: Backend,
) -> None:
    """Whichever thread does the writing, and whoever else writes to the session."""
    seen = Recorder()
    log, other = engine.open("s", seen), engine.open("s", Recorder())
    found: dict[str, str] = {}

    def work(name: int) -> None:
        for number in range(10):
            turn = f"{name}-{number}"
            log.append([set_event(turn)], on_appended=lambda: note(turn))  # noqa: B023
            other.append([set_event("other")])

    def note(turn: str) -> None:
        assert turn not in found
        found[turn] = seen.turns[-1]

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {
        f"{name}-{number}": f"{name}-{number}" for name in range(4) for number in range(10)
    }
