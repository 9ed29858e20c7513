"""Carries out a plan: deletes what it says, unless that has changed since."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from journal import exiting
from journal.backend import Backend, never
from journal.errors import ChangedError, ForkedError, JournalError, LockTimeoutError, StorageError
from journal.reprs import count, repr_of_parts
from journal.room import share
from projections.store.compacting import Compactor
from projections.store.engine import SessionFiles
from projections.store.open_sessions import OpenSessions
from projections.store.pruning.planning import (
    KeptSession,
    PlannedSession,
    PrunedSession,
    PrunePlan,
    kept_one,
)
from projections.store.pruning.reasons import Why

_Batch: TypeAlias = Sequence[PlannedSession]
_Outcomes: TypeAlias = list[JournalError | None]

_AT_ONCE = 128  # sessions that are deleted together …
_FILES_SHARE = 16  # … of which each has two files open, twice: one in four that we may


class PruneReport(Struct, frozen=True, kw_only=True):
    """What has gone, the oldest first, and what has stayed though the rule wanted it to go.

    Of a dry run, what would go. `seen` sessions were looked at; `left` is the bytes of those
    that stay.
    """

    pruned: list[PrunedSession]
    kept: list[KeptSession]
    seen: int
    left: int

    @property
    def bytes(self) -> int:
        """What has gone."""
        return sum(one.bytes for one in self.pruned)

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield f"{count(len(self.pruned), 'session')} pruned"
        yield count(self.bytes, "byte")
        yield f"{len(self.kept):,} kept"


def planned(plan: PrunePlan) -> PruneReport:
    """What carrying it out would report, if nothing changes."""
    return PruneReport(
        pruned=[one.session for one in plan.doomed],
        kept=plan.kept,
        seen=plan.seen,
        left=plan.left,
    )


class Pruner:
    """Deletes sessions of one store, or drops their history."""

    def __init__(
        self,
        backend: Backend,
        files: SessionFiles | None,
        sessions: OpenSessions,
        compactor: Compactor,
    ) -> None:
        self._backend = backend
        self._files = files
        self._sessions = sessions
        self._compactor = compactor

    def carry_out(self, plan: PrunePlan, stop: Callable[[], bool] = never) -> PruneReport:
        """Each session is gone, or there.

        Ends early when `stop` says so. Raises nothing of the journal: what could not be deleted
        is reported as kept.
        """
        carry_out = self._drop if plan.rule.archives else self._delete
        at_once = 1 if plan.rule.archives else share(_AT_ONCE, _FILES_SHARE)
        pruned: list[PrunedSession] = []
        stayed: list[tuple[PlannedSession, JournalError]] = []
        batches = [
            plan.doomed[start : start + at_once] for start in range(0, len(plan.doomed), at_once)
        ]
        for batch, outcomes in _in_pairs(batches, lambda batch: carry_out(plan, batch), stop):
            for one, error in zip(batch, outcomes, strict=True):
                if error is None:
                    pruned.append(one.session)
                else:
                    stayed.append((one, error))
        stayed = self._again(plan, stayed, pruned)
        kept = [kept_one(one.session, _why(error), str(error)) for one, error in stayed]
        back = sum(one.bytes for one in kept)
        return PruneReport(
            pruned=pruned, kept=[*plan.kept, *kept], seen=plan.seen, left=plan.left + back
        )

    def _again(
        self,
        plan: PrunePlan,
        stayed: list[tuple[PlannedSession, JournalError]],
        pruned: list[PrunedSession],
    ) -> list[tuple[PlannedSession, JournalError]]:
        """Those that were forked, the youngest first: by now their forks may be gone."""
        left = []
        for one, error in reversed(stayed):
            is_forked = isinstance(error, ForkedError) and len(pruned) > 0
            after = self._delete(plan, [one])[0] if is_forked else error
            if after is None:
                pruned.append(one.session)
            else:
                left.append((one, after))
        return left[::-1]

    def _delete(
        self, plan: PrunePlan, batch: Sequence[PlannedSession]
    ) -> list[JournalError | None]:
        found = [one.usage for one in batch]
        looks = {one.usage.session_id: one.file for one in batch}
        files = self._files

        def delete() -> list[JournalError | None]:
            if files is None:
                return self._backend.delete_unchanged(found, force=plan.force)
            return files.delete_unchanged(found, looks, force=plan.force)

        return self._sessions.delete_many(list(looks), delete)

    def _drop(
        self, _plan: PrunePlan, batch: Sequence[PlannedSession]
    ) -> list[JournalError | None]:
        return [self._drop_history(one.usage.session_id) for one in batch]

    def _drop_history(self, session_id: str) -> JournalError | None:
        try:
            report = self._compactor.compact(session_id, "drop")
        except JournalError as error:
            return error
        if report is None:
            return ChangedError(f"session {session_id!r}: was deleted meanwhile by somebody else")
        if report.bytes_after == report.bytes_before:
            return StorageError(
                None,
                f"session {session_id!r}: its log leads to no archive, so none was removed; "
                "`journal doctor` says what to do with those that are there",
            )
        return None


def _in_pairs(
    batches: Sequence[_Batch], work: Callable[[_Batch], _Outcomes], stop: Callable[[], bool]
) -> list[tuple[_Batch, _Outcomes]]:
    """Do the work for each, two at a time: while one is in the kernel, the other one computes.

    One at a time where `stop` may end it, which is for the thread that was given it.
    """
    left = iter(enumerate(batches))
    done: dict[int, _Outcomes] = {}
    errors: list[BaseException] = []

    def carry_on() -> None:
        try:
            while not (errors or stop()) and (item := next(left, None)) is not None:
                done[item[0]] = work(item[1])
        except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
            errors.append(error)

    other = threading.Thread(target=carry_on, name="journal-pruning", daemon=True)
    is_helped = stop is never and len(batches) > 1 and exiting.started(other)
    carry_on()
    if is_helped:
        other.join()
    if errors:
        raise errors[0]
    return [(batches[number], done[number]) for number in sorted(done)]


def _why(error: JournalError) -> Why:
    match error:
        case ChangedError():
            return "changed"
        case LockTimeoutError():
            return "busy"
        case ForkedError():
            return "forked"
        case _:
            return "failed"
