"""Writers that are killed while they write, and a checker of what is left.

A writer acknowledges an event by a line in a file of its own, after `set` has returned
and not before. Run as `python -m tests.faults.storm FOLDER ACKS NAME DURABILITY`.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from journal import CompactionError, Limits
from journal.events import Set
from projections import DefaultSessionStore
from tests.support import ROOT, Recorder

SESSIONS = ("one", "two")


def write_forever(folder: str, acks: str, name: str, durability: str) -> None:
    """Set, set many and compact until killed; never the same turn twice."""
    dice = random.Random(name)
    fd = os.open(acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    limits = Limits(runtime_bytes=1 << 30)
    store = DefaultSessionStore(folder, durability=durability, limits=limits)  # type: ignore[arg-type]
    number = 0
    while True:
        session = dice.choice(SESSIONS)
        kind = dice.random()
        if kind < 0.02:
            try:
                store.compact(session)
            except CompactionError:
                pass  # another writer is at it
            continue
        turns = [f"{name}.{number + i}" for i in range(1 if kind < 0.8 else dice.randrange(2, 6))]
        number += len(turns)
        if len(turns) == 1:
            store.set_runtime_state(session, "native", turns[0], {"by": name, "x": "y" * 300})
        else:
            store.set_many(session, [("native", turn, {"by": name}) for turn in turns])
        os.write(fd, "".join(f"{session} {turn}\n" for turn in turns).encode())


def start_writer(
    folder: Path, acks: Path, name: str, durability: str
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.faults.storm",
            str(folder),
            str(acks / name),
            name,
            durability,
        ],
        cwd=ROOT,
    )


def storm(
    folder: Path, acks: Path, kills: int, *, durability: str = "os", writers: int = 3
) -> int:
    """Kill `kills` writers, each some time after it began to acknowledge.

    Returns how many events were acknowledged in all.
    """
    acks.mkdir()
    dice = random.Random(kills)
    running: list[tuple[Path, subprocess.Popen[bytes]]] = []
    try:
        for count in range(kills):
            while len(running) < writers:
                name = f"w{count}-{len(running)}-{dice.randrange(10**9)}"
                running.append((acks / name, start_writer(folder, acks, name, durability)))
            path, victim = running.pop(0)
            wait_for_first_ack(path, victim)
            time.sleep(dice.random() * 0.05)  # where in its work it dies is left to chance
            victim.send_signal(signal.SIGKILL)
            assert victim.wait() == -signal.SIGKILL
    finally:
        for _, process in running:
            process.kill()
            process.wait()
    return sum(len(path.read_text().splitlines()) for path in acks.iterdir())


def wait_for_first_ack(path: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size):
        assert process.poll() is None, "a writer died of itself"
        assert time.monotonic() < deadline, "a writer acknowledges nothing"
        time.sleep(0.002)


def check_history(folder: Path, acks: Path) -> int:
    """Nothing acknowledged is missing, nothing is twice, each writer's order is kept.

    Returns how many events are in the logs.
    """
    total = 0
    with DefaultSessionStore(folder, durability="os") as store:
        for session in SESSIONS:
            assert store.set_runtime_state(session, "check", "last", {}) is True
            report = store.verify(session)
            assert report.ok, report.problems
            recorder = Recorder()
            log = store._backend.open(session, recorder)
            log.refresh()
            log.close()
            found = [
                event.turn_id
                for event in sorted(recorder.events, key=lambda event: event.seq)
                if isinstance(event, Set) and event.runtime_id == "native"
            ]
            assert len(found) == len(set(found)), "an event is there twice"
            check_acknowledged(session, found, acks)
            assert list(store.get_runtime_state(session, "native")) == found
            total += len(found)
    return total


def check_acknowledged(session: str, found: list[str], acks: Path) -> None:
    place = {turn: at for at, turn in enumerate(found)}
    for path in acks.iterdir():
        mine = [line.split() for line in path.read_text().splitlines()]
        turns = [turn for of, turn in mine if of == session]
        missing = [turn for turn in turns if turn not in place]
        assert not missing, f"acknowledged and lost: {missing}"
        places = [place[turn] for turn in turns]
        assert places == sorted(places), "not in the order of acknowledgement"


if __name__ == "__main__":
    write_forever(*sys.argv[1:])
