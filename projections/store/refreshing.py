"""When and how an open session's file is brought up to date with its log."""

import logging
import math
from collections.abc import Callable
from time import monotonic

from journal.backend import Log
from journal.errors import JournalError, LockTimeoutError
from projections.store.background import Job
from projections.store.dirty import Dirty
from projections.store.session_file import NOTHING, SessionFile
from projections.view import View, to_json

logger = logging.getLogger("journal")

PATIENCE = 5.0
"""Seconds that a refresh waits for the session file's lock, unless its caller says otherwise."""

_LARGE = 1 << 16  # bytes that nobody waits for: they are read or written in the background
_PATIENCE_OF_BACKGROUND = 1.0  # seconds until it is asked again for what it has not done yet
LEAST_TO_SAVE = 1 << 13
"""Bytes that a log has to grow by before what is folded from it is saved, or saved again …"""

_LEAST_WHILE_BUSY = 1 << 20  # … of large views, as long as sets go on …
_SAVED_SHARE = 16  # … and by more than a part in so many of the view
_SHARE = 20  # refreshes after sets may take one part in this many of the time …
_SAVED = 0.1  # … and seconds of it may be saved up while a store rests
_MOST_LEFT = 20  # times in a row that a storm of sets leaves the file to others who write it


class Budget:
    """How much of a store's time refreshes after sets may take, in all its sessions together.

    After a refresh, the others of the store wait until `_SHARE` times as long has gone by.
    A store that has rested may spend `_SAVED` seconds at once, so that sets of a few hundred
    sessions show at once; only a storm over more of them leaves session files to `flush` and
    `close`. Without a lock: threads that meet in `spend` cause one refresh too many at worst.
    """

    def __init__(self) -> None:
        self._paid_at = -math.inf  # on the monotonic clock: when all of them are paid for

    def allows(self, now: float) -> bool:
        """Whether a refresh may begin."""
        return now >= self._paid_at

    def spend(self, started: float, ended: float) -> None:
        """Note a refresh."""
        saved_from = started - _SHARE * _SAVED
        self._paid_at = max(self._paid_at, saved_from) + _SHARE * (ended - started)


class FileRefresher:
    """Writes the view of one session into its session file. Safe for threads.

    Where sessions are kept in memory, `file` is None and nothing is ever written.
    """

    def __init__(
        self,
        session_id: str,
        log: Log,
        view: View,
        file: SessionFile | None,
        stale: Dirty,
        budget: Budget,
        schedule: Callable[[str, Job], bool],
    ) -> None:
        """`stale` has the sessions whose file is not what the log says.

        `schedule` runs a job in the background, see `Maintenance.schedule`.
        """
        self._session_id = session_id
        self._log = log
        self._view = view
        self._file = file
        self._stale = stale
        self._budget = budget
        self._schedule = schedule
        self._not_before = -math.inf if file is not None else math.inf  # on the monotonic clock
        self._took = 0.0  # seconds of the last refresh
        self._has_warned = False  # that this store writes plain states beside encrypted ones
        self._left = 0  # times in a row that the file was left to others
        self.is_refreshing = False  # after a set

    def refresh(
        self,
        timeout: float | None = None,
        *,
        anyway: bool = False,
        while_busy: bool = False,
        pause: Callable[[], object] = lambda: None,
    ) -> None:
        """Write the view if this store has appended since the last time, or `anyway`; save it.

        It is saved where much of the log would have to be read otherwise; `while_busy`, as sets
        go on, where very much would. Costs O(size of the file); no system call without a need.
        Calls `pause` now and then. Raises `SessionFileError`, and `LockTimeoutError` after
        `timeout` seconds.
        """
        mark = self._stale.mark_of(self._session_id)
        if self._file is None:
            return
        started = monotonic()
        pays_for = self._took if self._is_storm(started) else 0.0
        try:
            if mark is not None or anyway:
                patience = PATIENCE if timeout is None else timeout
                self._file.write(lambda: self._render(pause), patience)
                self._stale.clean(self._session_id, mark)
                if mark is not None and self._view.lacks_keys:
                    self._warn_of_plain()
                pays_for = self._took = monotonic() - started
                self._left = 0
        finally:  # if another is writing it, that is enough in a storm
            self._save(while_busy, pause)
            ended = monotonic()
            self._not_before = ended + _SHARE * max(ended - started, pays_for)

    def _warn_of_plain(self) -> None:
        """Once for each session that is open."""
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "session %r: its states are encrypted, and this store has no keys: what it saves "
                "there is plain. Give the store its `encryption`",
                self._session_id,
            )

    def _save(self, while_busy: bool, pause: Callable[[], object]) -> None:
        unsaved, share = self._log.unsaved, self._view.bytes // _SAVED_SHARE
        if self._view.blinded_by is not None:
            return  # who has the keys folds otherwise
        if unsaved > max(_LEAST_WHILE_BUSY if while_busy else LEAST_TO_SAVE, share):
            self._log.save(pause)
            unsaved = 0
        if unsaved > max(LEAST_TO_SAVE, share):
            self._stale.unsaved.add(self._session_id)
        else:
            self._stale.unsaved.discard(self._session_id)

    def refresh_if_due(self) -> None:
        """Refresh after a set, if that may take time now. Trouble is logged, not raised.

        What takes long is left to the background.
        """
        started = monotonic()
        if started < self._not_before or not self._budget.allows(started):
            return
        if self.is_refreshing or self._stale.mark_of(self._session_id) is None:
            return  # another thread is at it, or we are in its signal handler
        if self._is_left_to_others(started):
            return
        if self._is_long():
            self._not_before = started + _PATIENCE_OF_BACKGROUND
            if self._schedule(f"session file of {self._session_id!r}", self._refresh_large):
                return
        self.is_refreshing = True
        try:
            self._refresh_now(lambda: None, while_busy=False)
        finally:
            self.is_refreshing = False

    def _is_storm(self, now: float) -> bool:
        """Whether sets come so fast that the file could not be refreshed after each of them."""
        return now - self._not_before < _SHARE * self._took

    def _is_left_to_others(self, now: float) -> bool:
        """Whether a storm goes on in which another process writes the file: one is enough.

        What it writes has our turns too. Those that leave it to another look half as often as
        they might write, so that it stays with that one until it stops.
        """
        file = self._file
        if self._left == _MOST_LEFT or not self._is_storm(now):
            return False
        if file is None or not file.has_changed():
            return False
        self._left += 1
        self._not_before = now + 2 * _SHARE * self._took
        return True

    def _is_long(self) -> bool:
        size = self._file.size if self._file is not None else 0
        return max(size, self._view.bytes, self._log.unfolded) > _LARGE

    def _refresh_large(self, pause: Callable[[], object]) -> None:
        self._refresh_now(pause, while_busy=True)

    def _refresh_now(self, pause: Callable[[], object], *, while_busy: bool) -> None:
        """Its folder may have been removed since it was scheduled: that is not made again."""
        if self._file is not None and self._file.has_folder():
            started = monotonic()
            self.refresh_or_warn(0.0, while_busy=while_busy, pause=pause)
            self._budget.spend(started, monotonic())

    def refresh_compacted(
        self, timeout: float | None = None, pause: Callable[[], object] = lambda: None
    ) -> None:
        """As `refresh_or_warn`, and save anew: what was saved is of a log that is gone."""
        try:
            self._log.refresh(pause)
        except JournalError:
            pass  # whoever needs it is told
        self.refresh_or_warn(timeout, pause=pause)

    def refresh_or_warn(
        self,
        timeout: float | None = None,
        *,
        while_busy: bool = False,
        pause: Callable[[], object] = lambda: None,
    ) -> None:
        """As `refresh`, but trouble is logged, once until it works again.

        The session file is derived, so nothing else may fail because of it.
        """
        try:
            self.refresh(timeout, while_busy=while_busy, pause=pause)
            self._stale.failing.discard(self._session_id)
        except (JournalError, OSError) as error:
            if isinstance(error, LockTimeoutError) and timeout == 0:
                return  # PraisonAI is at it; a later append, flush or close comes back to it
            if self._log.head is None:
                return  # nothing was ever written, so there is nothing to show
            if self._session_id not in self._stale.failing:
                logger.warning(
                    "session %r: the session file is out of date: %s", self._session_id, error
                )
                self._stale.failing.add(self._session_id)

    def _render(self, pause: Callable[[], object]) -> bytes | None:
        self._log.refresh(pause)
        with self._log.lock:
            if not self._log.refresh():
                return None
            if self._view.hides:
                return NOTHING
            turns = self._view.copy()
        return to_json(turns, pause)
