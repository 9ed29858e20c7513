"""A store killed, failed or given a short result at any call: the old state or the new.

Every operation of a store is run again and again on a copy of the same disk, with one
call further going wrong each time. Afterwards the session must be as it was or as it was
to be, its session file as well, and the next process must get on and leave nothing behind.
All of it once with logs too short for snapshots, and once with snapshots of all logs: taken by
every process that writes, opened from by every one that reads or goes on.
`tests/faults/test_kill_at_every_call.py` does the same to the engine.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import count
from pathlib import Path
from random import Random

import pytest

from journal.engines.files.storage import DiskStorage
from journal.engines.memory import MemoryStorage
from journal.errors import AppendError, JournalError
from projections import DefaultSessionStore
from tests.faults.crashes.going_wrong import KINDS, Fault, Kill, Process
from tests.faults.crashes.memory_disk import copy_of, digest_of
from tests.faults.crashes.operations import (
    AFTER_A_DEAD_SAVE,
    OPERATIONS,
    READS,
    SESSION,
    Disk,
    Operation,
    State,
    check_document,
    check_goes_on,
    put,
    without_session_file,
)
from tests.faults.sizes import Figure, sized
from tests.faults.snapshots import of_any_log
from tests.support import Killed

FOLDER = "/memory/sessions"
MOST_CALLS = 400

_GOES_ON: set[bytes] = set()
"""Digests of disks with which the next process has got on."""


@pytest.fixture(params=[False, True], ids=["read", "saved"], scope="module", autouse=True)
def _saving(request: pytest.FixtureRequest) -> Iterator[bool]:
    prepared.cache_clear()
    _GOES_ON.clear()
    with of_any_log() if request.param else nullcontext():
        yield request.param


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what has done the same has left the same bytes."""
    monkeypatch.setattr("journal.codec.time_ns", lambda: 10**18)
    monkeypatch.setattr("projections.store.session_file.document._now", lambda: "now")


@pytest.fixture
def operations(_saving: bool) -> dict[str, Operation]:
    more = {f"{name} after a dead save": what for name, what in AFTER_A_DEAD_SAVE.items()}
    return OPERATIONS | more if _saving else OPERATIONS


def in_memory(prepare: Callable[[Disk], None]) -> Disk:
    disk = Disk(MemoryStorage(), FOLDER)
    prepare(disk)
    return disk


@cache
def prepared(prepare: Callable[[Disk], None]) -> Disk:
    """The disk before an operation; to be copied, not to be changed."""
    return in_memory(prepare)


def copied(disk: Disk) -> Disk:
    assert isinstance(disk.storage, MemoryStorage)
    return Disk(copy_of(disk.storage), disk.folder)


@contextmanager
def process(disk: Disk, fault: Fault) -> Iterator[Disk]:
    """The disk as a process has it that a fault strikes; it is dead afterwards."""
    running = Process(disk.storage, fault)
    try:
        yield Disk(running.storage, disk.folder)
    except Killed:
        assert running.dead
    finally:
        running.die()


@contextmanager
def told(*what: object) -> Iterator[None]:
    """Tell with a failure which of many runs it was."""
    try:
        yield
    except BaseException as error:
        error.add_note(": ".join(map(str, what)))
        raise


def attempt(
    disk: Disk, run: Callable[[DefaultSessionStore, Disk], object], fault: Fault
) -> JournalError | None:
    """Run it and close the store, as far as the process lives. What it raised, if it lives."""
    with process(disk, fault) as mine:
        store = mine.store()
        try:
            run(store, disk)
        except JournalError as error:
            return error
        finally:
            store.close()
    return None


def check(before: Disk, disk: Disk, operation: Operation) -> State | None:
    """The session must be in a state that the operation allows, and so must its files."""
    state = disk.state()
    assert state in operation.states
    if state is not None:
        if before.log_id() is not None:
            assert disk.log_id() == before.log_id(), "a new log was begun"
        if before.document() is not None:
            check_document(disk, [{}, *(s.turns for s in operation.states if s is not None)])
    if f"{SESSION}.jsonl" not in disk.names():
        assert not {name for name in disk.names() if ".snapshot" in name}, "of no log"
    return state


def with_next(state: State | None) -> State:
    turns, custody = state or State({})
    return State({**turns, "native": {**turns.get("native", {}), "next": {"n": 1}}}, custody)


def go_wrong(before: Disk, disk: Disk, operation: Operation, kind: str, number: int) -> bool:
    """Run with a fault, look and go on. Whether the fault still struck."""
    fault = KINDS[kind](number, disk.storage)
    bystander = disk.store()
    bystander.get_runtime_state(SESSION, "native")
    error = attempt(disk, operation.run, fault)
    state = check(before, disk, operation)
    if isinstance(error, AppendError):
        assert state == operation.states[0], "what failed left something behind"
    if error is None and not kind.startswith("killed"):
        assert state == operation.states[-1], "acknowledged but not done"
    assert error is None or fault.hit is not None
    if state is not None:  # who has the old log open must not write to what is no log now
        put(bystander, "next", 1)
        assert disk.state() == with_next(state)
    bystander.close()
    check_goes_on_once(disk)
    return fault.hit is not None


def check_goes_on_once(disk: Disk) -> None:
    """Many faults leave the same disk, with which the next process does the same."""
    if isinstance(disk.storage, MemoryStorage):
        digest = digest_of(disk.storage)
        if digest not in _GOES_ON:
            check_goes_on(disk)
            _GOES_ON.add(digest)
    else:
        check_goes_on(disk)


def strike_all(kind: str, name: str, operation: Operation, step: int) -> int:
    """Strike every `step`th call of an operation. Returns how many were struck."""
    before = prepared(operation.prepare)
    for runs in count():
        with told(name, kind, runs * step):
            if not go_wrong(before, copied(before), operation, kind, runs * step):
                return runs
            assert runs < MOST_CALLS
    raise AssertionError("it never ends")


@pytest.mark.parametrize("kind", KINDS)
@sized(quick=7, storm=1)
def test_the_old_state_or_the_new_never_neither(
    operations: dict[str, Operation], kind: str, size: int, figure: Figure
) -> None:
    step = 1 if "write" in kind else size  # there are few writes, and each is another one
    struck = {name: strike_all(kind, name, what, step) for name, what in operations.items()}
    assert sum(struck.values()) >= len(struck), "what was never struck proves nothing"
    figure(f"{len(struck)} operations, {kind} at {sum(struck.values())} calls")


def read_wrongly(before: Disk, name: str, fault: Fault) -> bool:
    """Ask with a fault. Whether it struck."""
    ask, answer = READS[name]
    disk = copied(before)
    answers: list[object] = []
    error = attempt(disk, lambda store, _: answers.append(ask(store)), fault)
    assert answers == [answer] if error is None else fault.hit is not None
    assert disk.files() == before.files(), "a read changed something"
    return fault.hit is not None


@pytest.mark.parametrize(
    "kind", ["I/O error", "looking fails", "looking is forbidden", "short read"]
)
@sized(quick=2, storm=1)
def test_a_read_answers_rightly_or_not_at_all(kind: str, size: int, figure: Figure) -> None:
    """An error on reading is never taken for an empty session, and reading changes nothing."""
    before = in_memory(without_session_file)
    struck = 0
    for name in READS:
        for number in range(0, MOST_CALLS, size):
            with told(name, kind, number):
                if not read_wrongly(before, name, KINDS[kind](number, before.storage)):
                    break
            struck += 1
    assert struck >= len(READS)
    figure(f"{len(READS)} questions, {kind} at {struck} calls")


@sized(storm=12)
def test_the_old_state_or_the_new_on_a_real_disk(
    operations: dict[str, Operation], size: int, tmp_path: Path, figure: Figure
) -> None:
    """The disk in memory must not be what makes the other tests pass."""
    real = DiskStorage()
    runs = 0
    for name, operation in operations.items():
        before = Disk(real, str(tmp_path / name))
        operation.prepare(before)
        for kind in KINDS:
            for number in count(runs % size, size):
                disk = Disk(real, str(tmp_path / f"{name} {kind} {number}"))
                if Path(before.folder).exists():
                    shutil.copytree(before.folder, disk.folder)
                with told(name, kind, number):
                    struck = go_wrong(before, disk, operation, kind, number)
                runs += struck
                if not struck:
                    break
                shutil.rmtree(disk.folder)
    assert runs > 100
    figure(f"{len(operations)} operations, {runs} faults on a real disk")


Recovery = tuple[
    Callable[[DefaultSessionStore, Disk], object], Callable[[State | None], list[State | None]]
]


RECOVERIES: dict[str, Recovery] = {
    "set": (lambda s, _: put(s, "next", 1), lambda state: [state, with_next(state)]),
    "compact": (lambda s, _: s.compact(SESSION), lambda state: [state]),
    "delete": (lambda s, _: s.delete_session(SESSION), lambda state: [state, None]),
}
"""What the next process does, and the states that may come of it."""


def killed_disks(operations: dict[str, Operation]) -> Iterator[tuple[str, Disk]]:
    """Every disk that an operation leaves that is killed; the same one once."""
    seen: set[bytes] = set()
    for name, operation in operations.items():
        before = prepared(operation.prepare)
        for kind in ("killed", "killed in a write"):
            for number in range(MOST_CALLS):
                disk = copied(before)
                fault = KINDS[kind](number, disk.storage)
                attempt(disk, operation.run, fault)
                if fault.hit is None:
                    break
                assert isinstance(disk.storage, MemoryStorage)
                digest = digest_of(disk.storage)
                if digest not in seen:
                    seen.add(digest)
                    yield f"{name}, {kind} at {number}", disk


def recover(disk: Disk, name: str, fault: Fault) -> bool:
    """Let the next process be killed too, look and go on. Whether it was killed."""
    run, allowed = RECOVERIES[name]
    states = allowed(copied(disk).state())
    attempt(disk, run, fault)
    assert disk.state() in states
    if fault.hit is None:
        assert disk.state() == states[-1]
    check_goes_on_once(disk)
    return fault.hit is not None


@sized(quick=100, storm=5, long=1)
def test_killed_again_while_it_recovers(
    operations: dict[str, Operation], size: int, figure: Figure
) -> None:
    """Every way to be killed, then the next process killed too: at all calls, or one in `size`."""
    dice = Random(1)
    first = second = 0
    for what, left in killed_disks(operations):
        first += 1
        for name in RECOVERIES:
            for number in count(dice.randrange(size), size):
                disk = copied(left)
                with told(what, name, number):
                    if not recover(disk, name, Kill(number)):
                        break
                second += 1
    assert first > 100
    assert second > first * 30 / size
    figure(
        f"{first} disks left by kills, {second} second ones during recovery, none lost anything"
    )
