"""Shows the progress of long work on a terminal."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from journal.engines.files.storage import DiskStorage
from journal.names import ARCHIVE, is_archived_log, stem_in
from projections.cli.terminal.output import plain

_PATIENCE = 0.5  # seconds before there is anything to see
_EVERY = 0.1  # seconds between updates
_LONGEST_LABEL = 60
_ERASE = "\r\x1b[K"


def is_shown() -> bool:
    """Whether anybody would see the progress."""
    return sys.stderr.isatty()


class Progress(DiskStorage):
    """The disk. Shows on standard error how many of the `expected` bytes have been read."""

    def __init__(self) -> None:
        self._label = ""
        self._expected = 1
        self._done = 0
        self._shown = False
        self._show_at = float("inf")  # on the monotonic clock
        self._lock = threading.Lock()  # what is read in the background shows nothing at the end

    def read(self, fd: int, length: int, offset: int) -> bytes:
        data = DiskStorage.read(fd, length, offset)
        self._done += len(data)
        if monotonic() >= self._show_at:
            with self._lock:
                self._show()
        return data

    def _show(self) -> None:
        if monotonic() >= self._show_at:  # still
            percent = min(99, 100 * self._done // self._expected)
            sys.stderr.write(f"{_ERASE}{self._label} {percent} %")
            sys.stderr.flush()
            self._shown = True
            self._show_at = monotonic() + _EVERY

    @contextmanager
    def of(self, label: str, expected: int) -> Iterator[None]:
        """Show the progress of the work in this context; it reads about `expected` bytes."""
        self._label = plain(label)[:_LONGEST_LABEL]
        self._expected, self._done = max(1, expected), 0
        if is_shown():
            self._show_at = monotonic() + _PATIENCE
        try:
            yield
        finally:
            with self._lock:
                self._show_at = float("inf")
                if self._shown:
                    sys.stderr.write(_ERASE)
                    sys.stderr.flush()
                    self._shown = False


def bytes_of_sessions(folder: str) -> dict[str, int]:
    """Bytes of each session's log and archives, by stem.

    Lists both folders once. Empty if no progress would be shown; folders that cannot be listed
    count as empty.
    """
    found: dict[str, int] = {}
    if is_shown():
        for path in (folder, os.path.join(folder, ARCHIVE)):
            try:
                entries = DiskStorage.list(path)
            except OSError:
                continue
            for entry in entries:
                if is_archived_log(entry.name):
                    stem = stem_in(entry.name)
                    found[stem] = found.get(stem, 0) + entry.size
    return found
