"""When a log holds so much that is dead that it is compacted by itself."""

import os

from journal.backend import Log
from journal.forking import AT_ONCE
from projections.view import View

DEAD_BYTES = 1 << 20
"""A log is compacted by itself when more bytes than this are dead …"""

DEAD_SHARE = 4
"""… and more than so many times what lives …"""

DEAD_SPREAD = 1.5
"""… or up to so many times that: not all processes are to begin at once."""

RECHECK = 1 << 18
"""Bytes that a log grows before it is looked at again."""

MOST_UNKNOWN = 1 << 24
"""Bytes of which it is guessed how many are dead: where nobody folds, more are counted."""


def dead_limit(live: int) -> int:
    """How many bytes of a log with `live` living ones may be dead."""
    return max(DEAD_BYTES, DEAD_SHARE * live)


class Bloat:
    """Watches one log grow, if its engine says how large it is. Safe for threads.

    What lives is known where all is folded. What others have appended since is not: as large a
    share of it is taken to live as of the rest. To count would take a reading of the log, by
    each of those that write it.
    """

    def __init__(self, log: Log, view: View) -> None:
        self._log = log
        self._view = view
        self._size = 0  # bytes of the log when it was last asked about
        self._check_at = DEAD_BYTES  # bytes of the log
        self._settled = 0  # bytes of it that are not worth a compaction, as was counted
        self._live, self._known = 0, 0  # so many bytes of its first so many lived at last

    def is_due(self) -> bool:
        """Whether to compact now, as far as is known: see `is_wanted`. Waits for nobody.

        O(1) but for one look at all turns each `RECHECK` bytes.
        """
        size = self._log.size
        if size is None:
            return False
        if size < self._size // 2:  # it was compacted
            self.compacted(size)
        self._size = size
        if size < self._check_at:
            return False
        has_lock: list[bool] = []
        try:
            has_lock += map(self._log.lock.acquire, AT_ONCE)
            if not has_lock[0]:
                return False  # while another thread has the log, a later set will look
            folded, living = size - self._log.unfolded, self._view.live_bytes
        finally:
            if has_lock and has_lock[0]:
                self._log.lock.release()
        self._check_at = size + RECHECK
        if folded > self._known:
            self._live, self._known = living, folded
        if size - self._known > MOST_UNKNOWN:
            return True
        live = self._live * size // self._known if self._known else size
        chance = os.urandom(1)[0] / 256  # anew at each look: forked children differ too
        return size - live > dead_limit(live) * (1 + (DEAD_SPREAD - 1) * chance)

    def is_settled(self) -> bool:
        """Whether there is nothing to do, as was counted since `is_due` said otherwise."""
        return (self._log.size or 0) < self._settled

    def is_wanted(self, size: int, live: int) -> bool:
        """Whether to compact a log of `size` bytes of which `live` live. They were counted."""
        self._live, self._known = live, size
        if size - live > dead_limit(live):
            return True
        self._check_at = self._settled = max(size + RECHECK, live + dead_limit(live))
        return False

    def compacted(self, size: int) -> None:
        """The log was compacted, and has `size` bytes now."""
        self._live = self._known = size
        self.wait_until_doubled(size)
        self._settled = self._check_at

    def wait_until_doubled(self, size: int) -> None:
        """The log has `size` bytes now: look again when it has about twice as many."""
        self._check_at = 2 * size + DEAD_BYTES
