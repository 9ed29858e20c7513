"""Work off the caller's path: compactions that start by themselves, packing, session files.

A thread is there only while there is work. It is a daemon: a process may end in the
middle of it, since everything it does survives that.
"""

import logging
import threading
from collections.abc import Callable
from time import perf_counter, sleep, thread_time
from typing import TypeAlias

from journal import exiting
from journal.errors import ClosedError, CompactionAbandonedError, JournalError
from journal.forking import leave_stopped_threads, tell_after_fork, tell_after_stop

logger = logging.getLogger("journal")

Job: TypeAlias = Callable[[Callable[[], bool]], object]
"""Work that asks its argument now and then whether to stop, which also lets other threads run."""


_PATIENCE = 4.0  # seconds that a close waits for the work to be done …
_GRACE = 1.0  # … and for it to stop, once it was asked to
_PAUSE = 0.000_05  # seconds; less, and no other thread would be quick enough to wake up
_STRETCH = 0.000_2  # seconds of work between two pauses …
_LONGEST_STRETCH = 0.005  # … up to so many …
_REST = 4  # … where a pause takes more than so many times as long: the processors are taken
_SILENCE = "further failures are logged only once it has worked"


class Maintenance:
    """A queue of jobs, each under a name that is in it only once."""

    def __init__(self) -> None:
        self._fresh()
        tell_after_fork(self)
        tell_after_stop(self)
        exiting.tell_at_exit(self)

    def _fresh(self) -> None:
        # Guards the next four. A condition's own `with` would be no lock of C: see
        # `journal.forking`.
        self._lock = threading.RLock()
        self._idle = threading.Condition(self._lock)
        self._jobs: dict[str, Job] = {}
        self._at_exit: set[str] = set()  # names of those that the end of the program waits for
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._paused = 0.0  # when its thread last did, on the clock of that thread
        self._stretch = _STRETCH
        self._failing: set[str] = set()  # names of jobs that failed the last time; the thread's

    def after_fork(self) -> None:
        self._fresh()

    def after_stop(self) -> None:
        self._fresh()

    def schedule(self, name: str, job: Job, *, at_exit: bool = False) -> bool:
        """Run `job` soon, unless one of this name waits already. False if nothing will run.

        So it is once the store or the program ends, and where no thread can be started. What
        waits when the program ends is dropped, unless it is to be done `at_exit`.
        """
        if exiting.begun:
            return False
        with self._lock:
            if self._stopping:
                return False
            self._jobs.setdefault(name, job)
            if at_exit:
                self._at_exit.add(name)
            if self._thread is None:
                self._start_locked()
            return self._thread is not None

    def at_exit(self) -> None:
        """The program ends: finish what is not to be dropped. Takes 5 s at the most."""
        with self._lock:
            self._stopping = True
            self._jobs = {name: job for name, job in self._jobs.items() if name in self._at_exit}
        self.wait(_PATIENCE + _GRACE)

    def _start_locked(self) -> None:
        thread = threading.Thread(target=self._run, name="journal-maintenance", daemon=True)
        if exiting.started(thread):
            self._thread = thread
        else:
            self._jobs.clear()
            logger.warning("no background work for now: no thread can be started")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all work is done. Returns False if `timeout` seconds were too few."""
        with self._lock:
            return self._idle.wait_for(lambda: self._thread is None, timeout)

    def close(self) -> None:
        """Wait a little for the work to be done; then drop what waits and stop the rest.

        Takes 5 s at the most: a job that does not stop in time, since the disk hangs, goes
        on by itself. Nothing depends on that work: a later compaction does what was left.
        """
        if exiting.begun:
            leave_stopped_threads()
        self.wait(_PATIENCE)
        with self._lock:
            self._stopping = True
            self._jobs.clear()
        self.wait(_GRACE)

    def _run(self) -> None:
        self._paused = thread_time()
        while True:
            with self._lock:
                if not self._jobs:
                    self._thread = None
                    self._idle.notify_all()
                    return
                name = next(iter(self._jobs))
                job = self._jobs.pop(name)
                self._at_exit.discard(name)
            self._do(name, job)

    def _pause(self) -> bool:
        """Whether to stop. Asked every few tenths of a millisecond, or callers of the store would
        wait for the interpreter's lock whenever they come back from the operating system.
        """
        if thread_time() - self._paused >= self._stretch:
            before = perf_counter()
            sleep(_PAUSE)
            rested = perf_counter() - before
            self._stretch = min(max(_STRETCH, rested / _REST), _LONGEST_STRETCH)
            self._paused = thread_time()
        return self._stopping

    def _do(self, name: str, job: Job) -> None:
        try:
            job(self._pause)
        except (CompactionAbandonedError, ClosedError) as error:
            logger.debug("%s was not needed: %s", name, error)
        except (JournalError, OSError) as error:
            level = logging.DEBUG if name in self._failing else logging.WARNING
            self._failing.add(name)
            logger.log(level, "%s failed: %s. It will be tried again; %s", name, error, _SILENCE)
        except Exception:
            logger.exception("%s failed", name)
        else:
            self._failing.discard(name)
