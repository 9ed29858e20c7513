"""A process whose calls go wrong: killed before, in or after a call, failed, cut short.

Each fault strikes one call, the `number`th (from 0) of those that it concerns. A test
runs the same thing again and again with one number more, until the fault strikes none.
To be killed after a call is the same as to be killed before the next one.
"""

import errno
import os
from collections.abc import Callable
from typing import Any, cast

from journal.engines.files.storage import DiskStorage, Storage
from tests.support import CHANGING, Killed

CALLS = {name for name in vars(DiskStorage) if not name.startswith("_")}
LOOKING = CALLS - CHANGING
"""The calls that change nothing on the disk, `close` and the locks among them."""

Call = Callable[[], Any]


class Fault:
    """Strikes the `number`th of the calls named in `calls`; `hit` is the one it struck."""

    calls = frozenset(CHANGING)

    def __init__(self, number: int) -> None:
        self.left = number
        self.hit: str | None = None

    def __call__(self, name: str, args: tuple[Any, ...], call: Call) -> Any:
        if name not in self.calls:
            return call()
        self.left -= 1
        if self.left != -1:
            return self.later(name, args, call)
        self.hit = name
        return self.strike(name, args, call)

    def strike(self, name: str, args: tuple[Any, ...], call: Call) -> Any:
        """What happens instead of the call."""
        raise NotImplementedError

    def later(self, name: str, args: tuple[Any, ...], call: Call) -> Any:
        """What happens to the others."""
        return call()


class Kill(Fault):
    """The process dies before the call."""

    def strike(self, name: str, args: tuple[Any, ...], call: Call) -> Any:
        raise Killed


class KillBefore(Kill):
    """The process dies before the first call of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(0)
        self.calls = frozenset({name})


class KillInWrite(Fault):
    """The process dies when part of the data has reached the file."""

    calls = frozenset({"write"})

    def __init__(self, number: int, disk: Storage) -> None:
        super().__init__(number)
        self.disk = disk

    def strike(self, name: str, args: tuple[Any, ...], call: Call) -> Any:
        write_part(self.disk, args)
        raise Killed


class Error(Fault):
    """The call fails, once, and did nothing; a file that is closed is closed all the same."""

    def __init__(self, number: int, code: int, calls: set[str]) -> None:
        super().__init__(number)
        self.code = code
        self.calls = frozenset(calls)

    def strike(self, name: str, args: tuple[Any, ...], call: Call) -> Any:
        if name == "close":
            call()
        raise OSError(self.code, os.strerror(self.code))


class ShortWrite(Fault):
    """Only half of the data is written, and the next write works or finds the disk full."""

    calls = frozenset({"write"})

    def __init__(self, number: int, disk: Storage, full: bool) -> None:
        super().__init__(number)
        self.disk = disk
        self.full = full

    def strike(self, name: str, args: tuple[Any, ...], call: Call) -> Any:
        return write_part(self.disk, args)

    def later(self, name: str, args: tuple[Any, ...], call: Call) -> Any:
        if self.full and self.hit is not None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return call()


class ShortRead(Fault):
    """Fewer bytes are read than there are."""

    calls = frozenset({"read"})

    def strike(self, name: str, args: tuple[Any, ...], call: Call) -> Any:
        data = call()
        return data[: (len(data) + 1) // 2]


def write_part(disk: Storage, args: tuple[Any, ...]) -> int:
    fd, data = args
    return disk.write(fd, bytes(data[: len(data) // 2]))


KINDS: dict[str, Callable[[int, Storage], Fault]] = {
    "killed": lambda number, disk: Kill(number),
    "killed in a write": KillInWrite,
    "no space": lambda number, disk: Error(number, errno.ENOSPC, CHANGING),
    "I/O error": lambda number, disk: Error(number, errno.EIO, CHANGING),
    "looking fails": lambda number, disk: Error(number, errno.EIO, LOOKING),
    "looking is forbidden": lambda number, disk: Error(
        number, errno.EACCES, {"open", "find", "list", "names_of", "own_names", "modified"}
    ),
    "no locks": lambda number, disk: Error(number, errno.ENOLCK, {"lock"}),
    "short write": lambda number, disk: ShortWrite(number, disk, full=False),
    "short write, then no space": lambda number, disk: ShortWrite(number, disk, full=True),
    "short read": lambda number, disk: ShortRead(number),
}


class Process:
    """A `Storage` as one process has it, which a fault may kill.

    Dead, it makes no more calls, and its files are closed, as a kernel closes them.
    """

    def __init__(self, disk: Storage, fault: Callable[[str, tuple[Any, ...], Call], Any]) -> None:
        self._disk = disk
        self._fault = fault
        self._open: set[int] = set()
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._disk, name)

        def call(*args: Any) -> Any:
            return self._call(name, args, real)

        return call

    def _call(self, name: str, args: tuple[Any, ...], real: Callable[..., Any]) -> Any:
        if self.dead:
            if name == "close":
                return None
            raise Killed
        if name == "close":
            self._open.discard(args[0])
        try:
            result = self._fault(name, args, lambda: real(*args))
        except Killed:
            self.die()
            raise
        if name == "open":
            self._open.add(result)
        return result

    def die(self) -> None:
        self.dead = True
        for fd in self._open:
            self._disk.close(fd)
        self._open.clear()

    @property
    def storage(self) -> Storage:
        return cast(Storage, self)
