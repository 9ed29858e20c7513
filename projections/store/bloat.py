"""When a log holds so much that is dead that it is compacted by itself."""

import os

from journal.backend import Log
from projections.view import View

DEAD_BYTES = 1 << 20
"""A log is compacted by itself when more bytes than this are dead …"""

DEAD_SHARE = 4
"""… and more than so many times what lives …"""

DEAD_SPREAD = 1.5
"""… or up to so many times that: not all processes are to begin at once."""

RECHECK = 1 << 18
"""Bytes that a log grows before it is looked at again."""


def dead_limit(live: int) -> int:
    """How many bytes of a log with `live` living ones may be dead."""
    return max(DEAD_BYTES, DEAD_SHARE * live)


class Bloat:
    """Watches one log grow, if its engine says how large it is. Safe for threads."""

    def __init__(self, log: Log, view: View) -> None:
        self._log = log
        self._view = view
        self._check_at = DEAD_BYTES  # bytes of the log

    def is_due(self) -> bool:
        """Whether to compact now. O(1) but for one look at all turns each `RECHECK` bytes.

        Waits for nobody.
        """
        size = self._log.size
        if size is None or size < self._check_at or not self._log.lock.acquire(blocking=False):
            return False  # while another thread has the log, a later set will look
        live = self._view.live_bytes
        self._log.lock.release()
        self._check_at = size + RECHECK
        chance = os.urandom(1)[0] / 256  # anew at each look: forked children differ too
        return size - live > dead_limit(live) * (1 + (DEAD_SPREAD - 1) * chance)

    def is_still_due(self) -> bool:
        """As `is_due`, for a log that others may have compacted since.

        Reads what others have appended. Raises as `Log.refresh`.
        """
        with self._log.lock:
            self._log.refresh()
            size, live = self._log.size or 0, self._view.live_bytes
        if size - live > dead_limit(live):
            return True
        self.wait_until_doubled(size)
        return False

    def wait_until_doubled(self, size: int) -> None:
        """The log has `size` bytes now: look again when it has about twice as many."""
        self._check_at = 2 * size + DEAD_BYTES
