"""Group commit: who is written with whom, and what each thread is told when things go wrong."""

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep

import pytest

from journal.engines.files.storage import DiskStorage
from journal.errors import AppendError, StateValueError, StorageError, SyncError
from journal.events import Event, Head, Set
from journal.group_commit import Batch, Group, RefusedError, Request, Writer, Written
from tests.support import open_log, set_event

PATIENCE = 20.0  # seconds after which something hangs


def turns(requests: Sequence[Request]) -> list[str]:
    """The turns that requests want to set, made or not."""
    found: list[Event] = []
    for request in requests:
        found += request.events() if callable(request.events) else request.events
    return [event.turn_id for event in found if isinstance(event, Set)]


class Disk:
    """A writer that notes what was written as one piece, and holds the first sync up."""

    def __init__(self) -> None:
        self.pieces: list[list[str]] = []
        self.syncs = 0
        self.in_sync = threading.Event()
        self.go_on = threading.Event()
        self.fail_sync: Callable[[], None] = lambda: None
        self.fail_write: Callable[[list[str]], None] = lambda piece: None

    def write(self, take: Batch, since: float) -> Written:
        piece = turns(take())
        self.fail_write(piece)
        self.pieces.append(piece)
        number = len(self.pieces)
        return Written(Head("log", number, ""), self.sync)

    def sync(self) -> None:
        self.in_sync.set()
        assert self.go_on.wait(PATIENCE)
        self.syncs += 1
        self.fail_sync()


class Log:
    """A group, and the writer that comes with each append to it."""

    def __init__(self, write: Writer) -> None:
        self.group = Group()
        self._write = write

    @property
    def is_inside(self) -> bool:
        return self.group.is_inside

    def append(self, request: Request) -> Head:
        return self.group.append(request, self._write)


class Caller(threading.Thread):
    """A thread that appends one request and keeps what it was told."""

    def __init__(self, group: Log, request: Request) -> None:
        super().__init__(daemon=True)
        self.error: BaseException | None = None
        self.head: Head | None = None
        self._group, self._request = group, request
        self.start()

    def run(self) -> None:
        try:
            self.head = self._group.append(self._request)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def done(self) -> "Caller":
        self.join(PATIENCE)
        assert not self.is_alive(), "it hangs"
        return self


def request(turn: str) -> Request:
    return Request((set_event(turn),))


def queue_up(group: Log, requests: Sequence[Request]) -> list[Caller]:
    """Threads that wait in this order behind the sync that is under way."""
    callers = []
    for number, wanted in enumerate(requests):
        callers.append(Caller(group, wanted))
        end = monotonic() + PATIENCE
        while len(group.group._queue) <= number:
            assert monotonic() < end, "it did not queue up"
            sleep(0.001)
    return callers


def begin(disk: Disk) -> tuple[Log, Caller]:
    """A group whose first append is in its sync."""
    group = Log(disk.write)
    leader = Caller(group, request("first"))
    assert disk.in_sync.wait(PATIENCE)
    return group, leader


def test_a_lone_thread_waits_for_nobody() -> None:
    disk = Disk()
    disk.go_on.set()
    group = Log(disk.write)
    assert group.append(request("a")) == Head("log", 1, "")
    assert group.append(request("b")) == Head("log", 2, "")
    assert disk.pieces == [["a"], ["b"]]


def test_who_comes_during_a_sync_is_written_together_afterwards() -> None:
    """In the order in which they came, with one write."""
    disk = Disk()
    group, leader = begin(disk)
    others = queue_up(group, [request(turn) for turn in "abcde"])
    assert disk.pieces == [["first"]]
    disk.go_on.set()
    assert leader.done().head == Head("log", 1, "")
    assert {caller.done().head for caller in others} == {Head("log", 2, "")}
    assert disk.pieces == [["first"], list("abcde")]


def test_events_made_by_a_function_are_written_by_themselves() -> None:
    """They depend on all that was appended before them."""
    disk = Disk()
    group, leader = begin(disk)
    made = Request(lambda: (set_event("made"),))
    watched = Request((set_event("watched"),), on_appended=lambda: None)
    wanted = [request("a"), request("b"), made, request("c"), watched, request("d")]
    others = queue_up(group, wanted)
    disk.go_on.set()
    for caller in (leader, *others):
        assert caller.done().error is None
    assert disk.pieces == [["first"], ["a", "b"], ["made"], ["c"], ["watched"], ["d"]]


def test_what_cannot_be_written_fails_alone() -> None:
    """The others of its piece are written all the same."""
    disk = Disk()

    def refuse(piece: list[str]) -> None:
        if "bad" in piece:
            raise RefusedError(StateValueError("bad"))

    disk.fail_write = refuse
    group, leader = begin(disk)
    good, bad, better = queue_up(group, [request("good"), request("bad"), request("better")])
    disk.go_on.set()
    for caller in (leader, good, better):
        assert caller.done().error is None
    assert isinstance(bad.done().error, StateValueError)
    assert disk.pieces == [["first"], ["good"], ["better"]]


def test_an_error_of_the_write_reaches_each_of_them_as_its_own() -> None:
    """Tracebacks of several threads must not pile up on one exception."""
    disk = Disk()
    group, leader = begin(disk)
    others = queue_up(group, [request(turn) for turn in "abc"])

    def full(piece: list[str]) -> None:
        raise AppendError(28, "the disk is full")

    disk.fail_write = full
    disk.go_on.set()
    assert leader.done().error is None
    errors = [caller.done().error for caller in others]
    assert all(isinstance(error, AppendError) and error.errno == 28 for error in errors)
    assert {str(error) for error in errors} == {"the disk is full"}
    assert len({id(error) for error in errors}) == len(errors)


def test_a_failed_sync_is_told_to_all_that_it_was_for() -> None:
    disk = Disk()
    group, leader = begin(disk)
    others = queue_up(group, [request(turn) for turn in "abc"])

    def fail() -> None:
        raise SyncError(5, "sync failed")

    disk.fail_sync = fail
    disk.go_on.set()
    for caller in (leader, *others):
        assert isinstance(caller.done().error, SyncError)


def test_a_leader_interrupted_in_its_sync_leaves_nobody_waiting() -> None:
    """What was written is written; each of the others waits for a sync of its own."""
    disk = Disk()
    interrupts = [KeyboardInterrupt()]

    def interrupt() -> None:
        if interrupts:
            raise interrupts.pop()

    group, leader = begin(disk)
    others = queue_up(group, [request(turn) for turn in "abc"])
    disk.fail_sync = interrupt
    disk.go_on.set()
    assert isinstance(leader.done().error, KeyboardInterrupt)
    for caller in others:
        assert caller.done().error is None
    assert disk.pieces == [["first"], list("abc")]
    assert disk.syncs >= 2
    assert group.append(request("later")).seq == 3


def test_a_leader_interrupted_in_its_write_lets_the_others_know() -> None:
    """Whether their events are in the log is unknown, and they must not hang or be told so."""
    disk = Disk()
    group, first = begin(disk)
    others = queue_up(group, [request(turn) for turn in "abc"])

    def interrupt(piece: list[str]) -> None:
        disk.fail_write = lambda piece: None
        raise KeyboardInterrupt

    disk.fail_write = interrupt
    disk.go_on.set()
    assert first.done().error is None
    kinds = sorted(type(caller.done().error).__name__ for caller in others)
    assert kinds == ["KeyboardInterrupt", "StorageError", "StorageError"]
    assert any("unknown" in str(caller.error) for caller in others)
    assert group.append(request("later")).seq == 2


def test_a_leader_that_may_not_write_fails_alone() -> None:
    """It waited for the lock in vain; those behind it have time left and try themselves."""
    disk = Disk()
    failures = [StorageError(5, "no lock")]

    def write(take: Batch, since: float) -> Written:
        if failures and disk.pieces:
            raise failures.pop()
        return disk.write(take, since)

    group = Log(write)
    leader = Caller(group, request("first"))
    assert disk.in_sync.wait(PATIENCE)
    others = queue_up(group, [request("a"), request("b")])
    disk.go_on.set()
    assert leader.done().error is None
    told = [caller.done().error for caller in others]
    assert sorted(error is None for error in told) == [False, True]
    written = [turn for piece in disk.pieces for turn in piece]
    assert written == ["first", *("ab"[n] for n, error in enumerate(told) if error is None)]


def test_below_a_signal_handler_a_thread_knows_that_it_is_inside() -> None:
    seen: list[bool] = []
    disk = Disk()
    disk.go_on.set()
    disk.fail_write = lambda piece: seen.append(group.is_inside)
    group = Log(disk.write)
    assert not group.is_inside
    group.append(request("a"))
    assert seen == [True]
    assert not group.is_inside


class Durable(DiskStorage):
    """Notes up to where the log is on the disk: what it held when a sync began."""

    def __init__(self) -> None:
        self.safe = 0
        self.syncs = 0

    def sync(self, fd: int) -> None:  # type: ignore[override]
        size = os.fstat(fd).st_size
        os.fdatasync(fd)
        self.safe = max(self.safe, size)
        self.syncs += 1


def test_no_thread_returns_before_its_event_is_on_the_disk(tmp_path: Path) -> None:
    """And the threads share syncs: there are fewer of them than appends."""
    storage = Durable()
    log, recorder = open_log(tmp_path, storage=storage, durability="fsync")
    early: list[str] = []
    threads, each = 8, 25

    def work(number: int) -> None:
        for count in range(each):
            turn = f"t{number}-{count}"
            log.append([set_event(turn)])
            data = (tmp_path / "s.jsonl").read_bytes()[: storage.safe]
            if f'"{turn}"'.encode() not in data:
                early.append(turn)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE)
    assert early == []
    assert sorted(recorder.turns) == sorted(
        f"t{number}-{count}" for number in range(threads) for count in range(each)
    )
    assert storage.syncs < threads * each
    for number in range(threads):
        mine = [turn for turn in recorder.turns if turn.startswith(f"t{number}-")]
        assert mine == [f"t{number}-{count}" for count in range(each)]


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_a_function_that_makes_no_events_writes_nothing(tmp_path: Path, durability: str) -> None:
    """Not even a log that is not there yet; and the log goes on as before."""
    log, recorder = open_log(tmp_path, durability=durability)
    assert log.append(lambda: ()).seq == 0
    assert list(tmp_path.iterdir()) == []
    head = log.append([set_event("a")])
    assert log.append(lambda: ()) == head
    assert log.append([set_event("b")]).seq == 2
    assert recorder.turns == ["a", "b"]


def test_a_refused_event_costs_no_second_reading(tmp_path: Path) -> None:
    """Nothing was touched, so that what has been folded stays good."""
    log, recorder = open_log(tmp_path)
    log.append([set_event("a")])
    recorder.events.clear()
    with pytest.raises(StateValueError, match="runtime_id"):
        log.append([set_event("b", runtime="\ud800")])
    log.append([set_event("c")])
    assert recorder.turns == ["c"]
    assert open_log(tmp_path)[0].append([set_event("d")]).seq == 3


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_then_is_called_once_the_events_are_folded(tmp_path: Path, durability: str) -> None:
    """Before anybody else can append: what it sees is the view as of these events."""
    log, recorder = open_log(tmp_path, durability=durability)
    seen: list[list[str]] = []
    log.append([set_event("a")], on_appended=lambda: seen.append(recorder.turns))
    log.append([set_event("b")])
    assert seen == [["a"]]


@pytest.mark.parametrize("before", [[], ["a"]], ids=["no log", "a log"])
def test_ctrl_c_while_events_are_made_leaves_the_log_as_it_was(
    tmp_path: Path, before: list[str]
) -> None:
    log, _ = open_log(tmp_path)
    for turn in before:
        log.append([set_event(turn)])

    def interrupted() -> Sequence[Event]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        log.append(interrupted)
    assert [path.name for path in tmp_path.iterdir()] == ["s.jsonl"] * len(before)
    assert log.append([set_event("next")]).seq == len(before) + 1
    again, recorder = open_log(tmp_path)
    assert again.refresh()
    assert recorder.turns == [*before, "next"]


def test_a_signal_handler_may_append_in_the_middle_of_a_sync(tmp_path: Path) -> None:
    """It waits for nobody: the one that leads may be this very thread. Both are on the disk."""

    class Interrupted(Durable):
        def sync(self, fd: int) -> None:  # type: ignore[override]
            if not handled:
                handled.append(True)
                log.append([set_event("handler")])
            super().sync(fd)

    handled: list[bool] = []
    storage = Interrupted()
    log, recorder = open_log(tmp_path, storage=storage, durability="fsync")
    assert log.append([set_event("a")]).seq == 1
    assert recorder.turns == ["a", "handler"]
    assert storage.safe == (tmp_path / "s.jsonl").stat().st_size
    assert log.append([set_event("b")]).seq == 3
