"""Which sessions a rule wants to go: the oldest first. Pure: no I/O."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from journal.config import Prune
from journal.reports import SessionUsage


class DatedSession(Struct, frozen=True, gc=False):
    """A session, when it changed last, and all of its bytes, with those of its session file."""

    usage: SessionUsage
    changed: datetime
    bytes: int


class Due:
    """The candidates that a rule wants to go, one after the other.

    Whoever takes one says with `gone` what it freed; where nothing went, the next ones make up
    for it, until `max_size` is met or only those are left that stay whatever it says.
    """

    def __init__(self, candidates: Sequence[DatedSession], rule: Prune, now: datetime) -> None:
        self._rule = rule
        self._now = now
        self._oldest_first = sorted(
            candidates, key=lambda one: (one.changed, one.usage.session_id)
        )
        self.left = sum(one.bytes for one in candidates)
        """Bytes of what stays."""

    def __iter__(self) -> Iterator[DatedSession]:
        most = max(0, len(self._oldest_first) - (self._rule.keep_last or 0))
        for one in self._oldest_first[:most]:
            if self.wants(one, one.changed):
                yield one

    def wants(self, one: DatedSession, changed: datetime) -> bool:
        """Whether the rule wants it to go, if it was changed then, and not before."""
        rule = self._rule
        if rule.archives and not one.usage.archives:
            return False
        if rule.older_than is None and rule.max_size is None:
            return True
        is_old = rule.older_than is not None and self._now - changed > rule.older_than
        return is_old or (rule.max_size is not None and self.left > rule.max_size)

    def gone(self, freed: int) -> None:
        """So many bytes will be freed."""
        self.left -= freed
