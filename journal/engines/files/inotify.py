"""Linux's own notice of what happens in a folder: inotify(7), of which we need three calls.

Costs one descriptor and, while nothing happens, nothing: the kernel wakes us.
"""

import ctypes
import math
import os
import select
import struct

from journal.forking import tell_after_fork
from journal.room import leave_some
from journal.stopping import StopEvent

_MODIFY, _ATTRIB = 0x2, 0x4
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _UNMOUNT = 0x400, 0x800, 0x2000
_OVERFLOW, _IGNORED, _ONLY_DIRECTORY = 0x4000, 0x8000, 0x01000000

_OF_FILES = _MODIFY | _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_OF_THE_FOLDER = _DELETE_SELF | _MOVE_SELF
_THE_END = _OF_THE_FOLDER | _IGNORED | _UNMOUNT

_EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_MOST_READ = 1 << 16  # bytes of events taken at a time: 2,000 of short names
_CLOSED = -1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)


class Inotify:
    """Watches one folder, not what is below it. A `journal.engines.files.watching.Notifier`."""

    def __init__(self, folder: str, stop: StopEvent) -> None:
        """Raises the OSError of the kernel: ENOENT, ENOTDIR, EACCES; EMFILE and ENOSPC at its
        limits.
        """
        self.is_over = False
        self._fd = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        try:
            mask = _OF_FILES | _OF_THE_FOLDER | _ONLY_DIRECTORY
            _checked(_libc.inotify_add_watch(self._fd, os.fsencode(folder), mask))
            self._poller = select.poll()
            self._poller.register(self._fd, select.POLLIN)
            self._poller.register(stop, select.POLLIN)
        except BaseException:
            self.close()
            raise
        leave_some(self._fd)
        tell_after_fork(self)

    def wait(self, seconds: float) -> set[str] | None:
        self._poller.poll(math.ceil(max(0.0, seconds) * 1000))
        if self._fd == _CLOSED:  # by a fork
            return None
        try:
            data = os.read(self._fd, _MOST_READ)
        except BlockingIOError:
            return set()
        return self._names_in(data)

    def _names_in(self, data: bytes) -> set[str] | None:
        names: set[str] = set()
        unknown = False
        place = 0
        while place < len(data):
            _, mask, _, length = _EVENT.unpack_from(data, place)
            place += _EVENT.size
            if length:
                names.add(os.fsdecode(data[place : place + length].rstrip(b"\0")))
                place += length
            else:  # the queue was full, or it is the folder itself: who may read it, where it is
                unknown = True
            self.is_over = self.is_over or bool(mask & _THE_END)
        return None if unknown else names

    def close(self) -> None:
        fd, self._fd = self._fd, _CLOSED
        self.is_over = True
        if fd != _CLOSED:
            os.close(fd)

    def after_fork(self) -> None:
        """What a child reads is lost to its parent, so it must begin anew."""
        self.close()


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
