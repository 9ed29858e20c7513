"""Children of this process, which has imported the frameworks already: that takes seconds."""

import os
import traceback
from collections.abc import Callable

Say = Callable[[], object]


def fork(work: Callable[[], object]) -> int:
    """Do it in a child, which then ends with 0, or 1 if it failed. Returns its process id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:  # noqa: BLE001 - a child ends here, whatever it was
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def fork_until_said(work: Callable[[Say], object]) -> int:
    """As `fork`, but that `work` is given a function, until whose call this waits."""
    ours, theirs = os.pipe()
    child = fork(lambda: work(lambda: os.write(theirs, b"x")))
    os.close(theirs)
    with open(ours, "rb") as pipe:
        assert pipe.read(1) == b"x", "it has ended"
    return child


def status_of(child: int) -> int:
    """How a child ended, for which this waits: negative if a signal did it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
