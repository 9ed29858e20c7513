"""What goes wrong with the journal: counted, logged once, and never raised to an agent."""

import logging
import threading

from journal.forking import tell_after_fork, tell_after_stop
from projections.adapters.turns import Turn

logger = logging.getLogger("journal")

_GOES_ON = "%s: %s. The agent goes on; further failures are counted, not logged"


class Failures:
    """The failures of one recorder. Safe for threads."""

    def __init__(self) -> None:
        self.count = 0
        self.last: Exception | None = None
        self.after_fork()
        tell_after_fork(self)
        tell_after_stop(self)

    def after_fork(self) -> None:
        """A thread that has the lock is not in the child."""
        self._lock = threading.RLock()  # reentrant for finalizers at the program's end

    def after_stop(self) -> None:
        """Nor does it run any more."""
        self.after_fork()

    def of_adapter(self, error: Exception) -> None:
        """Trouble in an adapter's own code."""
        if self._is_first(error):
            logger.error(
                f"a turn is not mirrored, or not all of it: {_GOES_ON}",
                type(error).__name__,
                error,
                exc_info=error,
            )

    def of_write(self, turn: Turn, error: Exception) -> None:
        """A state of the turn, or a handover, is not in the journal."""
        if self._is_first(error):
            logger.error(
                f"turn %r of %r in session %r is not mirrored: {_GOES_ON}",
                turn.turn_id,
                turn.runtime_id,
                turn.session_id,
                type(error).__name__,
                error,
            )

    def _is_first(self, error: Exception) -> bool:
        with self._lock:
            self.count += 1
            self.last = error
            return self.count == 1
