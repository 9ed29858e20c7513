"""Queues at the end of the program: nothing is left to a thread that may never run again."""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from journal.errors import ReentryError
from projections.store.async_store.entries import Append
from projections.store.async_store.queues import Queues
from tests.projections.store.async_store.gates import PATIENCE
from tests.support import set_event


class Slow:
    """What appends are carried out by; waits while it is shut."""

    def __init__(self) -> None:
        self.turns: list[str] = []
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.then: Callable[[], None] = lambda: None

    def __call__(self, session_id: str, appends: Sequence[Append]) -> None:
        self.begun.set()
        assert self.go_on.wait(PATIENCE)
        self.then()
        for append in appends:
            self.turns += [event.turn_id for event in append.events]
            append.done(None)


@pytest.fixture
def slow() -> Iterator[Slow]:
    found = Slow()
    yield found
    found.go_on.set()


def entry(turn: str, outcomes: list[BaseException | None] | None = None) -> Append:
    told = outcomes if outcomes is not None else []
    return Append([set_event(turn)], told.append, refresh=False)


def in_a_thread(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


def test_whoever_comes_behind_another_thread_waits_for_it(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journal.exiting.begun", True)
    queues = Queues(slow)
    first = in_a_thread(lambda: queues.write("s", entry("a")))
    assert slow.begun.wait(PATIENCE)
    second = in_a_thread(lambda: queues.write("s", entry("b")))
    second.join(0.05)
    assert second.is_alive()
    slow.go_on.set()
    for thread in (first, second):
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert slow.turns == ["a", "b"]


def test_a_finalizer_in_the_middle_of_a_write_does_not_wait_for_itself(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it leaves is written by the call that it has come into the middle of."""
    monkeypatch.setattr("journal.exiting.begun", True)
    queues = Queues(slow)
    refused: list[str] = []

    def finalizer() -> None:
        slow.then = lambda: None
        queues.write("s", entry("of the finalizer"))
        try:
            queues.join("s")
        except ReentryError as error:
            refused.append(str(error))

    slow.then = finalizer
    slow.go_on.set()
    queues.write("s", entry("a"))
    assert slow.turns == ["a", "of the finalizer"]
    assert len(refused) == 1


def test_what_was_put_off_is_done_at_the_end(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    queues = Queues(slow)
    shown: list[str] = []
    monkeypatch.setattr("journal.exiting.started", lambda thread: True)  # in a long moment
    queues.soon("s", lambda: shown.append("s"))
    in_a_thread(lambda: queues.write("s", entry("a")))
    assert slow.begun.wait(PATIENCE)
    assert shown == []
    ending = in_a_thread(queues.at_exit)
    ending.join(0.05)
    assert ending.is_alive(), "a write is under way"
    slow.go_on.set()
    ending.join(PATIENCE)
    assert not ending.is_alive()
    assert slow.turns == ["a"]
    assert shown == ["s"]


def test_once_it_has_begun_nothing_is_put_off(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    queues = Queues(slow)
    slow.go_on.set()
    monkeypatch.setattr("journal.exiting.begun", True)
    shown: list[int] = []
    queues.soon("s", lambda: shown.append(threading.get_ident()))
    queues.aside(lambda: shown.append(threading.get_ident()))
    assert shown == [threading.get_ident()] * 2


def test_what_waits_behind_a_call_that_is_interrupted_is_done_by_who_comes_next(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever waits for it would wait for ever, and so would the next write."""
    monkeypatch.setattr("journal.exiting.begun", True)
    queues = Queues(slow)
    outcomes: list[BaseException | None] = []
    called: list[str] = []

    def call() -> None:
        called.append("call")

    def interrupt() -> None:
        slow.then = lambda: None
        queues.write("s", entry("behind", outcomes))
        queues.write("s", call)
        raise KeyboardInterrupt

    slow.then = interrupt
    slow.go_on.set()
    with pytest.raises(KeyboardInterrupt):
        queues.write("s", entry("interrupted"))
    assert not queues.is_idle("s")
    queues.write("s", entry("next"))
    assert outcomes == [None]
    assert called == ["call"]
    assert slow.turns == ["behind", "next"]


def test_what_stopped_threads_had_called_for_is_not_waited_for(slow: Slow) -> None:
    queues = Queues(slow)
    in_a_thread(lambda: queues.write("s", entry("a")))
    assert slow.begun.wait(PATIENCE)
    queues.after_stop()
    queues.join()
    assert queues.is_idle("s")
