"""The choice of findings by time, runtime and turn. Pure: no I/O."""

from collections.abc import Iterable, Iterator

from journal.events import Event, Handoff
from projections.handoffs.findings import AuditFinding, TurnKey
from projections.replay import concerns, is_between


class FindingChoice:
    """The findings of one session for which all conditions hold; of several values, any.

    Is shown the session's events while they are audited. A finding is chosen when an event that
    it is about, or that one of its consequences is about, meets all conditions; or when such an
    event is in time and a turn of the finding meets the others. Memory: two ints for each
    event that meets conditions, none without conditions.
    """

    def __init__(
        self,
        since: int | str | None = None,
        until: int | str | None = None,
        runtimes: Iterable[str] = (),
        turns: Iterable[str] = (),
    ) -> None:
        """`since` and `until` are seqs or timestamps as in the log."""
        self._since, self._until = since, until
        self._runtimes, self._turns = frozenset(runtimes), frozenset(turns)
        self.wanted = (self._runtimes, self._turns)
        self._has_time = since is not None or until is not None
        self._has_names = bool(self._runtimes or self._turns)
        self._in_time: set[int] = set()
        self._meets_all: set[int] = set()
        self.runtimes: set[str] = set()
        """Those that events so far concern, if there is a condition on runtimes."""
        self.turn_ids: set[str] = set()
        """Those that events so far name, if there is a condition on turns."""

    def watch(self, event: Event) -> None:
        """The next event of the session."""
        has_names = not self._has_names or self._names(event)
        if self._has_time and is_between(event, self._since, self._until):
            self._in_time.add(event.seq)
            if has_names:
                self._meets_all.add(event.seq)
        elif not self._has_time and self._has_names and has_names:
            self._meets_all.add(event.seq)

    def _names(self, event: Event) -> bool:
        """Whether an event meets the conditions on runtimes and turns."""
        turn_id = event.turn_id
        if self._turns and turn_id is not None:
            self.turn_ids.add(turn_id)
        if self._runtimes:
            self.runtimes.update(_runtimes_of(event))
        if self._runtimes and not any(concerns(event, each) for each in self._runtimes):
            return False
        return not self._turns or turn_id in self._turns

    def chosen(self, findings: Iterable[AuditFinding]) -> Iterator[AuditFinding]:
        """Those of the findings, in their order, once all events were shown."""
        if not (self._has_time or self._has_names):
            yield from findings
            return
        for finding in findings:
            seqs = {seq for each in _with_consequences(finding) for seq in each.events}
            turns = {turn for each in _with_consequences(finding) for turn in each.turns}
            if not self._meets_all.isdisjoint(seqs) or (
                (not self._has_time or not self._in_time.isdisjoint(seqs))
                and self._has_names
                and any(map(self._is_named, turns))
            ):
                yield finding

    def _is_named(self, turn: TurnKey) -> bool:
        runtime_id, turn_id = turn
        return (not self._runtimes or runtime_id in self._runtimes) and (
            not self._turns or turn_id in self._turns
        )


def _runtimes_of(event: Event) -> Iterator[str]:
    for each in (event.runtime_id, event.target if isinstance(event, Handoff) else None):
        if each is not None:
            yield each


def _with_consequences(finding: AuditFinding) -> Iterator[AuditFinding]:
    yield finding
    for each in finding.consequences:
        yield from _with_consequences(each)
