"""A recorder that is interrupted at every step of a call. A program: see `test_interrupts`.

    python -m tests.adapters.recorder.interrupted CALL DURABILITY FOLDER FIRST EVERY

After each interrupt, this thread and another go on with the session. Whoever waits for ever is
shown with the stacks of all threads, and the exit code is 1.
"""

import asyncio
import faulthandler
import sys
import threading
from collections.abc import Callable
from time import sleep

from journal.config import Durability, Limits
from projections import AsyncSessionStore, DefaultSessionStore
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Turn
from tests.adapters.recorder.ways import inside, new
from tests.interrupting import Interrupter

PATIENCE = 20.0
"""Seconds after which somebody waits for ever."""

FILES = ("projections/store/", "projections/adapters/", "journal/")
"""Not Python's own: a thread that it starts may be lost if that is interrupted."""


class Stage:
    """A store, its recorder, and turns of two threads in one session."""

    def __init__(self, folder: str, durability: Durability) -> None:
        limits = Limits(turn_bytes=1 << 20, runtime_bytes=1 << 40)
        self.store = DefaultSessionStore(folder, durability=durability, limits=limits)
        self.recorder = Recorder(self.store)
        self.mine, self.other = new("triage", "mine"), new("other", "other")
        self.recorder.open(self.mine)
        self.recorder.open(self.other)
        self.loops: list[asyncio.AbstractEventLoop] = []

    def save(self) -> None:
        self.recorder.save(self.mine)

    def open_inside(self) -> None:
        self.recorder.open(inside(self.mine, "billing", "inner", "call-1"))

    def save_soon(self) -> None:
        self.recorder.save_soon(self.mine)

    def save_behind(self) -> None:
        """While another thread works on the session's line."""
        self.recorder._turns.queued.queues.write("s", lambda: sleep(0.001))
        self.recorder.save(self.mine)

    def close(self) -> None:
        turn = new("triage", "closing")
        self.recorder.open(turn)
        self.recorder.close(turn)

    def set_in_loop(self) -> None:
        """By the store for event loops; its loop is given up then, as it may be anywhere."""
        store = AsyncSessionStore(self.store)

        async def main() -> None:
            await store.set_runtime_state("s", "loop", "turn", {})
            await store.get_runtime_state("s", "loop", "turn")

        loop = asyncio.new_event_loop()
        self.loops.append(loop)
        loop.run_until_complete(main())

    def goes_on(self, step: int) -> None:
        """This thread and another write into the session, and wait for all that waits."""
        self._write(self.mine, step)
        ended = threading.Event()

        def other() -> None:
            self._write(self.other, step)
            self.recorder.join()
            ended.set()

        threading.Thread(target=other, daemon=True).start()
        if not ended.wait(PATIENCE):
            raise TimeoutError("the other thread waits for ever")

    def _write(self, turn: Turn, step: int) -> None:
        failures = self.recorder.failures
        turn.usage = {"input_tokens": step + 1}
        self.recorder.save(turn)
        assert self.recorder.failures == failures, self.recorder.last_failure
        found = self.store.get_runtime_state("s", turn.runtime_id, turn.turn_id)
        assert found["usage"] == turn.usage, (step, turn.runtime_id, found)


def main(call: str, durability: Durability, folder: str, first: int, every: int) -> None:
    stage = Stage(folder, durability)
    act: Callable[[], None] = getattr(stage, call)
    act()  # imports
    interrupter = Interrupter(FILES)
    step = first
    while True:
        faulthandler.dump_traceback_later(2 * PATIENCE, exit=True)
        if not interrupter.reaches(step, act):
            break
        try:
            stage.goes_on(step)
        except BaseException:
            print(f"after an interrupt at step {step}", file=sys.stderr)
            faulthandler.dump_traceback(all_threads=True)
            raise
        step += every
    stage.recorder.end()
    stage.store.close()
    print(step)


if __name__ == "__main__":
    name, durability, folder, first, every = sys.argv[1:]
    assert durability in ("os", "fsync")
    main(name, durability, folder, int(first), int(every))  # type: ignore[arg-type]
