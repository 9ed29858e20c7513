"""Storms: workers at work on few sessions, killed and started again at random."""

import multiprocessing
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.faults.storms.checker import Summary, check_whole_history
from tests.faults.storms.workers import Stage, work
from tests.support import files_in

_PAUSE = 0.02  # seconds at most between two kills: where in its work one dies is chance

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["tests.faults.storms.workers"]
)  # so that a start takes 10 ms, not 200


@contextmanager
def running(processes: Sequence[BaseProcess]) -> Iterator[None]:
    """Start them; kill and collect those that are left at the end, however it comes."""
    try:
        for process in processes:
            process.start()
        yield
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
        for process in processes:
            if process.pid is not None:
                process.join()


class Storm:
    """Workers by name, each in a process of its own; use it in `with`."""

    def __init__(self, stage: Stage, names: list[str]) -> None:
        self._stage = stage
        self._running = {name: self._start(name) for name in names}

    def _start(self, name: str) -> ForkServerProcess:
        process = CONTEXT.Process(target=work, args=(self._stage, name), daemon=True)
        process.start()
        return process

    def kill(self, name: str) -> None:
        """SIGKILL, and begin its next life."""
        self._end(self._running[name])
        self._running[name] = self._start(name)

    @staticmethod
    def _end(process: ForkServerProcess) -> None:
        assert process.exitcode is None, "a worker has ended by itself: see its traceback"
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL

    def __enter__(self) -> "Storm":
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self._running.values():
            if exception == (None, None, None):
                self._end(process)
            process.kill()
            process.join()


def storm(folder: Path, kills: int, durability: str, writers: int = 4) -> Summary:
    """Kill workers `kills` times, then check everything that was said and is there."""
    names = [f"w{number}" for number in range(writers)]
    others = ["r0", "t0", "t1", "c0", "c1"]
    sessions, deeds = ("one", "two"), folder / "deeds"
    deeds.mkdir()
    stage = Stage(str(folder / "sessions"), str(deeds), sessions, tuple(names), durability)
    dice = random.Random(f"{kills} {durability}")
    with Storm(stage, names + others) as running:
        for _ in range(kills):
            time.sleep(dice.random() * _PAUSE)
            running.kill(dice.choice(names + others))
    summary = check_whole_history(Path(stage.folder), deeds, sessions)
    check_goes_on(stage)
    return summary


def check_goes_on(stage: Stage) -> None:
    """The next append works, and after the next compaction nothing is left lying about."""
    with stage.open(auto_compact=False) as store:  # it would be in the way of our own compaction
        for session in stage.sessions:
            before = store.get_runtime_state(session, stage.writers[0])
            for number in range(2):
                assert store.set_runtime_state(session, "after", "t", {"n": number}) is True
            assert store.get_runtime_state(session, stage.writers[0]) == before
            store.compact(session)
            assert store.verify(session).ok
    names = files_in(Path(stage.folder))
    assert not [name for name in names if name.endswith((".new", ".tmp"))], names
