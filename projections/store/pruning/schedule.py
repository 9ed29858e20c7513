"""Pruning that a store does by itself: now and then, in the background, one process at a time.

A file in the folder is the lock between processes, and its time says when the folder was pruned
last: of many processes that share a folder, one prunes it each time.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic, time

from journal.config import Prune
from journal.engines.files.storage import Storage
from journal.names import PRUNE_MARK
from projections.store.background import Maintenance
from projections.store.engine import SessionFiles
from projections.store.pruning.planning import Planner
from projections.store.pruning.pruner import Pruner, PruneReport
from projections.tail.choice import FollowedSessions

logger = logging.getLogger("journal")


class PruneSchedule:
    """Has the sessions of one store pruned as `rule` says. Safe for threads and processes."""

    def __init__(
        self,
        rule: Prune,
        planner: Callable[[], Planner],
        pruner: Pruner,
        files: SessionFiles | None,
        maintenance: Maintenance,
    ) -> None:
        self._rule = rule
        self._planner = planner
        self._pruner = pruner
        self._files = files
        self._maintenance = maintenance
        self._look_at = 0.0  # on the monotonic clock

    def look(self) -> None:
        """Begin in the background if it is time. Waits for nothing."""
        if (now := monotonic()) >= self._look_at:
            self._look_at = now + self._rule.every.total_seconds()
            self._maintenance.schedule("pruning", self.prune)

    def prune(self, stop: Callable[[], bool]) -> PruneReport | None:
        """Prune now, in this thread; None if another process does, or has lately. OSError."""
        if self._files is None:
            return self._prune(stop)
        with claimed(self._files.storage, self._files.folder, self._rule.every) as is_ours:
            return self._prune(stop) if is_ours else None

    def _prune(self, stop: Callable[[], bool]) -> PruneReport:
        plan = self._planner().plan(self._rule, FollowedSessions(), force=False, stop=stop)
        report = self._pruner.carry_out(plan, stop)
        for one in report.kept:
            logger.debug("session %r is not pruned: %s", one.session_id, one.reason)
        if report.pruned:
            logger.info("%s", summed_up(report, self._rule))
        return report


def summed_up(report: PruneReport, rule: Prune) -> str:
    """What has gone, in a line of a log."""
    what = "history of " if rule.archives else ""
    messages = sum(one.messages > 0 for one in report.pruned)
    more = f", {messages} of them with messages of PraisonAI" if messages else ""
    return f"pruned {what}{len(report.pruned)} sessions ({report.bytes} bytes){more}"


@contextmanager
def claimed(storage: Storage, folder: str, every: timedelta) -> Iterator[bool]:
    """Whether a folder is ours to prune: nobody does it now, nor has for so long.

    If it is, it counts as pruned from the end of the block on, unless that raises. OSError.
    """
    path = os.path.join(folder, PRUNE_MARK)
    try:
        fd = storage.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    except FileNotFoundError:  # no folder: there is nothing to prune
        yield False
        return
    try:
        is_ours = storage.lock(fd) and _is_due(storage, fd, path, every)
        yield is_ours
        if is_ours:
            storage.truncate(fd, 0)
            storage.write(fd, b"pruned\n")  # which gives the file its time
    finally:
        storage.close(fd)  # which unlocks


def _is_due(storage: Storage, fd: int, path: str, every: timedelta) -> bool:
    """An empty file is new. A time to come is another clock's, and tells nothing."""
    since = time() - storage.modified(path)
    return storage.size(fd) == 0 or not 0 <= since < every.total_seconds()
