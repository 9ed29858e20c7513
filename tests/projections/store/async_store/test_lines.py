"""A session's line: who carries out what waits in it, in which order, and what each is told."""

import threading
from collections.abc import Iterator, Sequence
from errno import EIO
from pathlib import Path

import pytest

from journal.errors import ClosedError, StorageError
from projections import DefaultSessionStore
from projections.store.async_store.entries import Append, LineCall
from projections.store.async_store.queues import Queues
from projections.store.async_store.writer import AsyncWriter
from projections.store.store import writer_of
from tests.projections.store.async_store.gates import run, waits
from tests.support import set_event, turns_in


class Line:
    """Queues that note which turns they append, and in which threads."""

    def __init__(self) -> None:
        self.turns: list[str] = []
        self.threads: list[int] = []
        self.queues = Queues(self._append)

    def _append(self, session_id: str, appends: Sequence[Append]) -> None:
        self.threads.append(threading.get_ident())
        for append in appends:
            self.turns += [event.turn_id for event in append.events]
            append.done(None)


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.queues.join()
    line.queues.close(lambda: None)


def entry(turn: str) -> Append:
    return Append([set_event(turn)], lambda error: None, refresh=False)


@pytest.mark.parametrize("here", [False, True])
def test_what_is_put_is_carried_out_by_a_thread_or_here(here: bool, line: Line) -> None:
    line.queues.begin("s", line.queues.put("s", entry("a")), here=here)
    line.queues.join("s")
    assert line.turns == ["a"]
    assert (line.threads == [threading.get_ident()]) is here
    assert line.queues.is_idle("s")


@pytest.mark.parametrize("who", ["a later write", "who joins", "who joins all", "who closes"])
def test_what_was_put_and_never_begun_is_carried_out_by_whoever_comes_next(
    who: str, line: Line
) -> None:
    """Its thread was interrupted in between."""
    line.queues.put("s", entry("a"))
    closed = threading.Event()
    match who:
        case "a later write":
            line.queues.write("s", entry("b"))
            line.queues.join("s")
        case "who joins":
            line.queues.join("s")
        case "who joins all":
            line.queues.join()
        case _:
            line.queues.close(closed.set)
            waits(closed)
    assert line.turns == (["a", "b"] if who == "a later write" else ["a"])


def test_what_was_begun_and_never_ended_is_reported_by_whoever_comes_next(line: Line) -> None:
    """Its thread was interrupted, and again as it was to report that. It is not done twice."""
    told: list[object] = []
    line.queues.put("s", Append([set_event("a")], told.append, refresh=False))
    line.queues.put("s", LineCall(lambda: line.turns.append("call"), told.append))
    line.queues.put("s", lambda: line.turns.append("action"))
    waiting = line.queues._lines.of("s")
    assert waiting is not None
    for _ in range(3):
        line.queues._lines.take(waiting)
        waiting.entries.rotate(-1)
    line.queues.write("s", entry("b"))
    line.queues.join("s")
    assert [type(error) for error in told] == [StorageError, StorageError]
    assert "read it back" in str(told[0])
    assert line.turns == ["action", "b"]


def test_what_comes_in_the_middle_of_what_is_made_at_once_is_done_after_it(line: Line) -> None:
    def at_once() -> bool:
        assert not line.queues.is_made_at_once("s", at_once), "not in the middle of itself"
        line.queues.write("s", entry("b"))
        line.turns.append("at once")
        return True

    assert line.queues.is_made_at_once("s", at_once)
    line.queues.join("s")
    assert line.turns == ["at once", "b"]
    assert threading.get_ident() not in line.threads


def test_what_is_in_line_is_not_overtaken_at_once(line: Line) -> None:
    line.queues.put("s", entry("a"))
    assert not line.queues.is_made_at_once("s", lambda: True)
    assert line.queues.is_made_at_once("t", lambda: True)


def test_what_raises_at_once_leaves_no_mark(line: Line) -> None:
    def fail() -> bool:
        line.queues.write("s", entry("b"))
        raise StorageError(EIO, "the disk is on fire")

    with pytest.raises(StorageError):
        line.queues.is_made_at_once("s", fail)
    line.queues.join("s")
    assert line.turns == ["b"]
    assert line.queues.is_made_at_once("s", lambda: True)


def test_an_interrupt_here_leaves_what_comes_behind_to_a_thread(line: Line) -> None:
    def interrupted() -> None:
        line.queues.write("s", entry("b"))
        raise KeyboardInterrupt

    number = line.queues.put("s", LineCall(interrupted, lambda error: None))
    with pytest.raises(KeyboardInterrupt):
        line.queues.begin("s", number, here=True)
    line.queues.join("s")
    assert line.turns == ["b"]


def test_a_thread_that_works_on_a_line_may_work_on_another_within(line: Line) -> None:
    """And counts as working until it has done with the first: it must not wait for itself."""
    still: list[bool] = []

    def within() -> None:
        line.queues.begin("t", line.queues.put("t", entry("inner")), here=True)
        still.append(line.queues._worker.is_this_thread())

    line.queues.begin("s", line.queues.put("s", within), here=True)
    assert line.turns == ["inner"]
    assert still == [True]
    assert not line.queues._worker.is_this_thread()


def test_who_closes_after_the_threads_have_gone_is_told_all_the_same(line: Line) -> None:
    closed = threading.Event()
    line.queues.close(closed.set)
    waits(closed)
    with line.queues._ending:  # the first has let its threads go
        again = threading.Event()
        line.queues.close(again.set)
        assert again.is_set()


# The writer


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[AsyncWriter]:
    store = DefaultSessionStore(tmp_path, durability="os")
    store.set_runtime_state("s", "native", "first", {})
    writer = AsyncWriter(writer_of(store))
    yield writer
    writer.join()
    store.close()


def test_a_write_is_lined_up_and_begun_later(writer: AsyncWriter, tmp_path: Path) -> None:
    """For code that holds a lock. No session file is written if nobody asks for it."""
    before = (tmp_path / "s.json").read_bytes()
    told: list[BaseException | None] = []
    begin = writer.line_up("s", Append([set_event("a")], told.append, refresh=False))
    assert turns_in(tmp_path) == ["first"]
    begin(here=True)
    assert turns_in(tmp_path) == ["first", "a"]
    assert told == [None]
    assert (tmp_path / "s.json").read_bytes() == before


def test_to_have_joined_is_to_wait_for_what_is_in_line(writer: AsyncWriter) -> None:
    started, goes_on = threading.Event(), threading.Event()

    def hold() -> None:
        started.set()
        waits(goes_on)

    async def main() -> None:
        assert writer.joined("s").done(), "nothing waits"
        writer.queues.write("s", hold)
        waits(started)
        joined = writer.joined("s")
        assert not joined.done()
        goes_on.set()
        await joined

    run(main())


class OneError(Exception):
    """Cannot be copied."""

    def __copy__(self) -> "OneError":
        raise TypeError


class Failing:
    """Stands for a `StoreWriter` whose store cannot write."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def append(self, *args: object, refresh: bool) -> None:
        raise self.error

    append_at_once = append


@pytest.mark.parametrize("error", [OneError(), OSError(EIO, "")], ids=["copied not", "copied"])
def test_each_of_those_that_failed_together_is_told(error: Exception) -> None:
    failing: object = Failing(error)
    writer = AsyncWriter(failing)  # type: ignore[arg-type]
    told: list[BaseException | None] = []
    appends = [Append([set_event(turn)], told.append, refresh=True) for turn in "ab"]
    writer._append_all("s", appends)
    assert told[0] is error
    assert type(told[1]) is type(error)
    assert (told[1] is error) is isinstance(error, OneError)


def test_what_fails_at_once_is_raised_where_it_is_awaited(
    writer: AsyncWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise ClosedError("the store is closed")

    monkeypatch.setattr(writer, "_append_at_once", refuse)

    async def main() -> None:
        with pytest.raises(ClosedError):
            await writer.append("s", [set_event("a")])

    run(main())
