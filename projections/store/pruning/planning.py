"""Looks at the sessions of a store and decides which are to go, and which are kept and why."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from journal.backend import Backend, never
from journal.config import Prune
from journal.errors import (
    DamagedError,
    JournalError,
    SessionFileError,
    UnsupportedFormatError,
    WrongSessionError,
)
from journal.reports import SessionInfo, SessionUsage
from journal.reprs import count, repr_of_parts
from projections.store.engine import SessionFiles
from projections.store.open_sessions import OpenSessions
from projections.store.pruning.reasons import Reason, Why, reason_to_keep
from projections.store.pruning.rules import DatedSession, Due
from projections.store.session_file import FileLook
from projections.store.summaries import Summaries
from projections.tail.choice import FollowedSessions
from projections.writers import Writers


class PrunedSession(Struct, frozen=True, kw_only=True, gc=False):
    """A session that goes, or whose history goes. `updated_at` is its last change.

    `bytes` is what goes, in `archives` files of history and others; `messages` counts those of
    PraisonAI in the session file, which goes too.
    """

    session_id: str
    updated_at: str
    bytes: int
    archives: int
    messages: int


class KeptSession(Struct, frozen=True, kw_only=True, gc=False):
    """A session that the rule wants to go, and that stays. `reason` is for people."""

    session_id: str
    updated_at: str
    bytes: int
    why: Why
    reason: str


class PlannedSession(Struct, frozen=True, gc=False):
    """A session that is to go, as it was when it was looked at."""

    usage: SessionUsage
    file: FileLook | None
    session: PrunedSession


class PrunePlan(Struct, frozen=True, kw_only=True):
    """What is to go, the oldest first, and what stays though the rule wants it to go.

    `seen` is the number of sessions that were looked at, `left` the bytes of those that stay.
    """

    rule: Prune
    force: bool
    seen: int
    left: int
    doomed: list[PlannedSession]
    kept: list[KeptSession]

    @property
    def sessions(self) -> list[PrunedSession]:
        return [one.session for one in self.doomed]

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield count(len(self.doomed), "session")
        yield f"{len(self.kept):,} kept"


class Planner:
    """Plans for the sessions of one store. Changes nothing."""

    def __init__(
        self, backend: Backend, files: SessionFiles | None, sessions: OpenSessions
    ) -> None:
        self._backend = backend
        self._files = files
        self._sessions = sessions
        self._summaries = Summaries(backend, sessions)
        self._has_ended = Writers().has_ended

    def plan(
        self,
        rule: Prune,
        choice: FollowedSessions,
        *,
        force: bool,
        stop: Callable[[], bool] = never,
    ) -> PrunePlan:
        """Look at the sessions that the rule wants to go, and at no others.

        Sessions that have no log, which are PraisonAI's alone, are not looked at, counted or
        measured. Ends early when `stop` says so. Raises `ReadError`.
        """
        candidates = list(self._candidates(choice))
        due = Due(candidates, rule, datetime.now(UTC))
        plan = PrunePlan(rule=rule, force=force, seen=len(candidates), left=0, doomed=[], kept=[])
        for one in due:
            if stop():
                break
            self._decide(one, due, plan)
        return msgspec.structs.replace(plan, left=due.left)

    def _candidates(self, choice: FollowedSessions) -> Iterator[DatedSession]:
        entries = self._files.entries() if self._files is not None else {}
        for usage in self._backend.usage():
            if not choice.wants(usage.session_id):
                continue
            changed, size = datetime.fromisoformat(usage.updated_at), usage.bytes
            name = self._files.own_name(usage.session_id) if self._files is not None else ""
            entry = entries.get(name)
            if entry is not None:
                changed = max(changed, datetime.fromtimestamp(entry.modified, UTC))
                size += entry.size
            yield DatedSession(usage, changed, size)

    def _decide(self, one: DatedSession, due: Due, plan: PrunePlan) -> None:
        usage = one.usage
        if plan.rule.archives:
            due.gone(usage.archive_bytes)
            plan.doomed.append(PlannedSession(usage, None, _pruned(one, usage.archive_bytes, 0)))
            return
        look, reason = self._file_of(usage)
        if look is not None and not due.wants(one, look.changed):
            return  # it was changed under a name that a listing does not show to be its
        if not plan.force:
            reason = reason or self._reason_in_log(usage)
            if reason is not None:
                plan.kept.append(kept_one(_pruned(one, one.bytes, 0), *reason))
                return
        due.gone(one.bytes)
        messages = look.messages if look is not None else 0
        plan.doomed.append(PlannedSession(usage, look, _pruned(one, one.bytes, messages)))

    def _file_of(self, usage: SessionUsage) -> tuple[FileLook | None, Reason | None]:
        if self._files is None:
            return None, None
        file = self._files.of(usage.session_id)
        try:
            try:
                return file.look(), None
            except SessionFileError as error:
                return file.look_at_damaged(), ("unreadable", str(error))
        except (JournalError, OSError) as error:
            return None, ("unreadable", str(error))

    def _reason_in_log(self, usage: SessionUsage) -> Reason | None:
        info = SessionInfo(
            session_id=usage.session_id, updated_at=usage.updated_at, log_bytes=usage.log_bytes
        )
        try:
            return reason_to_keep(self._summaries.of(info), self._has_ended)
        except (DamagedError, UnsupportedFormatError, WrongSessionError) as error:
            return "damaged", str(error)
        except JournalError as error:
            return "unreadable", str(error)


def _pruned(one: DatedSession, size: int, messages: int) -> PrunedSession:
    return PrunedSession(
        session_id=one.usage.session_id,
        updated_at=one.changed.isoformat(),
        bytes=size,
        archives=len(one.usage.archives),
        messages=messages,
    )


def kept_one(session: PrunedSession, why: Why, reason: str) -> KeptSession:
    """A session that stays."""
    return KeptSession(
        session_id=session.session_id,
        updated_at=session.updated_at,
        bytes=session.bytes,
        why=why,
        reason=reason,
    )
