"""Notice of what happens in a folder by the library watchfiles, for systems without inotify.

It asks in steps whether there is news. These are short while there is, and longer at rest, so
that a tail to which nothing happens costs little.
"""

import os
from errno import EMFILE
from time import monotonic

from watchfiles._rust_notify import RustNotify  # public, see "Rust backend direct usage"

from journal.stopping import StopEvent

_AT_ONCE, _AT_REST = 1, 20  # ms between two looks: after news, and otherwise
_RESTS_AFTER = 1.0  # seconds without news
_SEEN_TOGETHER = 5  # ms for which it may go on collecting news
_HEARS_SIGNALS = 50  # ms after which it comes back


class WatchfilesNotifier:
    """A `journal.engines.files.watching.Notifier`; the library has a thread of its own."""

    def __init__(self, folder: str, stop: StopEvent) -> None:
        """Raises OSError when the system cannot watch the folder."""
        self.is_over = False
        self._folder = folder
        self._stop = stop
        self._rests_at = 0.0  # on the monotonic clock
        try:
            self._notify = RustNotify([folder], False, False, 0, False, False)
        except RuntimeError as error:
            raise OSError(EMFILE, str(error)) from error

    def wait(self, seconds: float) -> set[str] | None:
        step = _AT_ONCE if monotonic() < self._rests_at else _AT_REST
        timeout = min(max(1, round(seconds * 1000)), _HEARS_SIGNALS)
        found = self._notify.watch(max(step, _SEEN_TOGETHER), step, timeout, self._stop)
        if found == "signal":
            raise KeyboardInterrupt  # it has swallowed whatever the handler raised
        if isinstance(found, str):
            return set()
        self._rests_at = monotonic() + _RESTS_AFTER
        paths = {path for _, path in found}
        if self._folder in paths:  # removed, perhaps, and the next one may have its inode
            self.is_over = True
            return None
        return {os.path.basename(path) for path in paths}

    def close(self) -> None:
        self._notify.close()
