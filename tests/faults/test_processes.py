"""Many processes on one folder: none in another's way, none lost, none twice."""

import json
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.faults.storm import check_history, storm
from tests.support import finish, python

_WRITER = """
import sys
from projections import DefaultSessionStore
folder, name, count, durability = sys.argv[1:]
with DefaultSessionStore(folder, durability=durability) as store:
    for number in range(int(count)):
        store.set_runtime_state("s", name, f"t{number}", {"n": number, "by": name})
"""

_COMPACTOR = """
import sys
from journal import CompactionError
from projections import DefaultSessionStore
store = DefaultSessionStore(sys.argv[1], durability="os")
done = 0
print("ready", flush=True)
while done < 15:
    store.set_runtime_state("s", "compactor", "t", {"n": done})
    store.set_runtime_state("s", "compactor", "t", {"n": done})
    try:
        done += store.compact("s").archive is not None
    except CompactionError:
        pass
"""


def check(folder: Path, writers: int, count: int) -> None:
    with DefaultSessionStore(folder, durability="os") as store:
        for writer in range(writers):
            turns = store.get_runtime_state("s", f"w{writer}")
            assert turns == {f"t{n}": {"n": n, "by": f"w{writer}"} for n in range(count)}
            assert list(turns) == [f"t{n}" for n in range(count)]
        report = store.verify("s")
        assert report.ok, report.problems
        assert report.head is not None


@pytest.mark.parametrize(("durability", "count"), [("os", 500), ("fsync", 60)])
def test_processes_append_without_loss_gap_or_lock_error(
    tmp_path: Path, durability: str, count: int
) -> None:
    finish([python(_WRITER, str(tmp_path), f"w{n}", str(count), durability) for n in range(6)])
    check(tmp_path, 6, count)
    lines = (tmp_path / "s.jsonl").read_text().splitlines()
    assert [json.loads(line)["seq"] for line in lines[1:]] == list(range(1, 6 * count + 1))


def test_processes_append_while_others_compact(tmp_path: Path) -> None:
    writers = [python(_WRITER, str(tmp_path), f"w{n}", "400", "os") for n in range(3)]
    compactors = [python(_COMPACTOR, str(tmp_path)) for _ in range(2)]
    finish(writers + compactors)
    check(tmp_path, 3, 400)


def test_forked_workers_share_a_store_that_was_made_before_the_fork(tmp_path: Path) -> None:
    """As gunicorn does with its preloaded application."""
    (output,) = finish([python(_PREFORK, str(tmp_path))])
    assert output.split() == ["0"] * 4
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for worker in range(4):
            assert len(store.get_runtime_state("s", f"worker-{worker}")) == 50
        assert store.get_runtime_state("s", "parent") == {"t": {"n": 1}, "after": {"n": 2}}
        assert store.verify("s").ok
    writers = {
        json.loads(line)["writer"] for line in (tmp_path / "s.jsonl").read_text().splitlines()
    }
    assert len(writers) == 5, "each process signs with its own id"


_PREFORK = """
import os, sys, threading
from projections import DefaultSessionStore
store = DefaultSessionStore(sys.argv[1])
store.set_runtime_state("s", "parent", "t", {"n": 1})
stop = threading.Event()
def busy():
    while not stop.is_set():
        store.get_runtime_state("s", "parent")
        store.set_runtime_state("busy", "r", "t", {})
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
children = []
for worker in range(4):
    pid = os.fork()
    if pid == 0:
        for number in range(50):
            store.set_runtime_state("s", f"worker-{worker}", f"t{number}", {"n": number})
            assert store.get_runtime_state("s", "parent", "t") == {"n": 1}
        store.close()
        os._exit(0)
    children.append(pid)
store.set_runtime_state("s", "parent", "after", {"n": 2})
stop.set()
for thread in threads:
    thread.join()
for pid in children:
    print(os.waitpid(pid, 0)[1])
"""


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_nothing_acknowledged_is_lost_when_writers_are_killed(
    tmp_path: Path, durability: str
) -> None:
    folder, acks = tmp_path / "sessions", tmp_path / "acks"
    acknowledged = storm(folder, acks, kills=12, durability=durability)
    assert acknowledged > 12 * 5, "too slow a storm proves nothing"
    assert check_history(folder, acks) >= acknowledged


@pytest.mark.storm
@pytest.mark.timeout(900)
def test_a_long_storm_of_kills_loses_nothing(tmp_path: Path) -> None:
    folder, acks = tmp_path / "sessions", tmp_path / "acks"
    acknowledged = storm(folder, acks, kills=300)
    print(f"{acknowledged} events acknowledged")
    assert acknowledged > 300 * 5, "too slow a storm proves nothing"
    assert check_history(folder, acks) >= acknowledged
