"""The store's methods for whole sessions: list, check, compact, delete, the session file."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from journal.backend import History
from journal.config import Prune
from journal.errors import ExistsError, NotFoundError
from journal.events import Head, Origin
from journal.reports import CompactionReport, SessionInfo, VerifyReport
from projections.store.heads import head_of
from projections.store.parts import StoreParts
from projections.store.settings import check_prune

if TYPE_CHECKING:
    from projections.erasing import StoreChoice
    from projections.store.erasing import ErasureSummary
    from projections.store.forks import ForkAt
    from projections.store.pruning.planning import Planner, PrunePlan
    from projections.store.pruning.pruner import Pruner, PruneReport
    from projections.summary import Summary
    from projections.tail.choice import Patterns


class Upkeep(StoreParts):
    """What people and tools call to look after sessions."""

    def list_sessions(self, limit: int | None = None) -> list[SessionInfo]:
        """The sessions, last changed first, at most `limit` of them.

        Each is `{"session_id", "updated_at" (ISO 8601, UTC), "log_bytes"}`. Those of PraisonAI
        that have no log yet are listed too, with `log_bytes` 0. Reads the folder, the first
        line of logs whose name does not say their id, and the beginning of session files of
        which the same is true, or all of one that does not begin with its id. O(sessions)
        whatever the limit. Raises ValueError for a negative limit, `ClosedError` and
        `ReadError`.
        """
        self._sessions.check_open()
        if limit is not None and limit < 0:
            raise ValueError(f"limit is {limit}; it must be 0 or more")
        if self._files is None:
            return list(self._backend.sessions(limit=limit))
        found = self._files.listed_with(self._backend.sessions())
        found.sort(key=lambda info: info["updated_at"], reverse=True)
        return found[:limit]

    def summary(self, info: SessionInfo) -> "Summary":
        """A session of `list_sessions` in a few words: who has it, how it began, its counts.

        Reads all of a log of up to 8 KiB. Of a longer one it reads what was saved with the
        session file, and what was appended since. Raises as `get_runtime_state`.
        """
        from projections.store.summaries import Summaries

        self._sessions.check_open()
        return Summaries(self._backend, self._sessions).of(info)

    def session_exists(self, session_id: str) -> bool:
        """Whether there is a log or a session file of this id. Creates nothing.

        Costs and raises as `get_runtime_state`, and `SessionFileError`.
        """
        return self._sessions.get(session_id).exists()

    def has_log(self, session_id: str) -> bool:
        """Whether anything was written to the session's log.

        Costs and raises as `get_runtime_state`.
        """
        return self._sessions.get(session_id).log.refresh()

    def fork(self, session_id: str, *, to: str, at: "ForkAt | None" = None) -> Head:
        """Begin the session `to` with the events of another up to `at`, or all. Returns its head.

        `at` is a seq, 0 being before the first event; a moment, which is up to the last event
        that is not later; their text; or a cursor or head of the session's log. From then on
        neither sees what the other writes, and neither needs the other: the events that they
        have in common are shared by hard links, and copied where the file system has none. They
        keep their seqs, times and hashes, so history, replay and verification go back to the
        first. PraisonAI's messages stay with the origin. Durable, and all of it or nothing.

        A few reads and syncs, however many events there are; of a moment, reads all of them.
        The fork's first read folds what is shared, from the origin's snapshot if it has one.
        Raises `NotFoundError`, `ExistsError` when there is a session `to`, be it only
        PraisonAI's, `HistoryError` when a compaction has dropped what was there then,
        `CursorError` for a cursor of another log, ValueError and TypeError for a point that is
        none, `LockTimeoutError`, `AppendError` (there is no fork), `StorageError` and siblings.
        """
        from projections.store.forks import place_in

        target = self._sessions.get(to)
        past = self._backend.history
        place = place_in(at, lambda: past(session_id)) if at is not None else None
        if target.exists():
            raise ExistsError(
                f"there is a session {to!r} already; fork to another id, or delete it first"
            )
        try:
            return self._backend.fork(session_id, to, place)
        except NotFoundError as error:
            if self.has_log(session_id) or not self.session_exists(session_id):
                raise
            raise NotFoundError(
                f"session {session_id!r} has no log yet, only PraisonAI's session file: there is "
                "nothing to fork before the first write"
            ) from error

    def origin(self, session_id: str) -> Origin | None:
        """Where a session was forked from; None if it was not, or there is no such session.

        Reads the first line of its log. Raises `ClosedError`, `StateTypeError` and `ReadError`.
        """
        self._sessions.check_open()
        return self._backend.origin(session_id)

    def delete_session(self, session_id: str, *, force: bool = False) -> bool:
        """Delete a session: log, history and session file, messages included.

        Only the session file's empty lock file stays. Returns False when there was none.
        A session made again under the id is a new one. Lists the names in `archive/` and
        removes those of the session. Raises `ForkedError` when forks share its history, unless
        with `force`: they keep what they share. Raises `LockTimeoutError` when a writer or
        PraisonAI holds a lock for too long, then nothing was deleted; `StorageError` when the
        session is gone but not all of its files are; `SessionFileError` and their siblings.
        """
        session = self._sessions.get(session_id)
        there, file = session.has_files(), session.file

        def delete() -> bool:
            if self._files is None or file is None:
                return self._backend.delete(session_id, force=force)
            return there and self._files.delete(session_id, file, force=force)

        return self._sessions.delete(session_id, delete)

    def prune(
        self,
        rule: Prune,
        sessions: str | Iterable[str] | None = None,
        *,
        matching: "Patterns | None" = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> "PruneReport":
        """Delete the sessions that a rule wants to go, or their history; the oldest first.

        Of those named and those whose ids match a pattern, or of all. A session stays, and the
        report says why, if a turn in it is open, even if its writer has ended, or waits for a
        person, if it was handed to a runtime that has not come, and if what it holds cannot be
        read; unless with `force`. So it does if it changes meanwhile. Sessions of PraisonAI that
        have no log are left alone. Each is deleted as by `delete_session`, messages included,
        whole or not at all; the report counts the messages. With `dry_run` nothing is changed.

        Lists all sessions, and reads those that are to go. Raises `ReadError`, `StateTypeError`
        and `StateValueError` for what is no id or pattern, and `ClosedError`.
        """
        from projections.store.pruning.pruner import planned

        plan = self.plan_prune(rule, sessions, matching=matching, force=force)
        return planned(plan) if dry_run else self._pruner().carry_out(plan)

    def plan_prune(
        self,
        rule: Prune,
        sessions: str | Iterable[str] | None = None,
        *,
        matching: "Patterns | None" = None,
        force: bool = False,
    ) -> "PrunePlan":
        """What `prune` would do, for `carry_out`."""
        from projections.tail.choice import FollowedSessions

        self._sessions.check_open()
        check_prune(rule)
        choice = FollowedSessions(sessions, matching)
        return self._planner().plan(rule, choice, force=force)

    def carry_out(self, plan: "PrunePlan") -> "PruneReport":
        """Do what a plan says, where nothing has changed since it was made."""
        self._sessions.check_open()
        return self._pruner().carry_out(plan)

    def _planner(self) -> "Planner":
        from projections.store.pruning.planning import Planner

        return Planner(self._backend, self._files, self._sessions)

    def _pruner(self) -> "Pruner":
        from projections.store.pruning.pruner import Pruner

        return Pruner(self._backend, self._files, self._sessions, self._compactor)

    def compact(self, session_id: str, history: History | None = None) -> CompactionReport | None:
        """Rewrite a session's log with only what lives, now. None when there is no log.

        Returns how many events and bytes the log had before and has after. What was
        overwritten or cleared moves to `archive/`, or is dropped together with older archives
        when `history` is "drop"; by default, as the store's own `history` says. O(size of the
        log). Writers go on meanwhile. Waits for another compaction of the session by this store.
        Raises `CompactionAbandonedError` when one by another process is under way,
        `CompactionError` and `StorageError`; the log is then as it was.
        """
        return self._compactor.compact(session_id, history)

    def erase(
        self,
        pattern: str | None = None,
        sessions: str | Iterable[str] | None = None,
        *,
        runtime_id: str | None = None,
        turn_id: str | None = None,
        seqs: Iterable[int] | None = None,
        fixed: bool = False,
        ignore_case: bool = False,
        forget_digest: bool = False,
        dry_run: bool = False,
        on_session: Callable[[str], object] | None = None,
    ) -> "ErasureSummary":
        """Take out every state in which `pattern` matches, in these sessions or in all.

        Out of the log, the archives, what repairs have set aside, the snapshot and the session
        file, where the text alone is replaced, in `messages` too. `pattern` is a regular
        expression, or with `fixed` a text; case counts only if it has upper case, unless
        `ignore_case`. With `runtime_id`, `turn_id` or `seqs`, only states of that runtime, of
        turns of that id, of these events; then it needs no pattern.

        An erased state reads as `{}`. Events, hashes, cursors and heads stay, and `verify`
        passes; this process and others fold such logs anew. What stands in ids, reasons and
        writers cannot be taken out: the report says where. Copies and backups are not reached,
        nor what readers have read, and disk blocks are not overwritten. The SHA-256 of an erased
        state stays, which confirms a guess of all of it. With `forget_digest`, the digests of all
        states that are erased in these sessions go too: then the events from the first of them on
        have other hashes, and cursors and heads noted there lead nowhere. With `dry_run` nothing
        is changed.

        Reads all files of the sessions; writers go on. `on_session` is called with each id.
        Interrupted, every file is as it was or as it should be; call it again. What goes wrong in
        a session is in the report. Raises ValueError for arguments that make no sense,
        `NotFoundError` for a session that is not there, `ReadError` and `ClosedError`.
        """
        from projections.erasing import choice_of

        choice = choice_of(
            pattern, runtime_id, turn_id, seqs, fixed=fixed, ignore_case=ignore_case
        )
        if pattern is None and sessions is None:
            raise ValueError("without a pattern, name the session whose states are to be erased")
        return self._erase(choice, sessions, forget_digest, dry_run, on_session)

    def erase_secrets(
        self,
        sessions: str | Iterable[str] | None = None,
        *,
        forget_digest: bool = False,
        dry_run: bool = False,
        on_session: Callable[[str], object] | None = None,
    ) -> "ErasureSummary":
        """As `erase`, of every state with what today's redaction takes for a secret."""
        from projections.erasing import SecretsChoice

        return self._erase(SecretsChoice(), sessions, forget_digest, dry_run, on_session)

    def _erase(
        self,
        choice: "StoreChoice",
        sessions: str | Iterable[str] | None,
        forget_digest: bool,
        dry_run: bool,
        on_session: Callable[[str], object] | None,
    ) -> "ErasureSummary":
        from projections.store.erasing import Eraser

        self._sessions.check_open()
        eraser = Eraser(
            *(self._backend, self._files, self._sessions, choice),
            forget_digest=forget_digest,
            dry_run=dry_run,
        )
        if sessions is not None:
            named = [sessions] if isinstance(sessions, str) else list(sessions)
            for session_id in named:
                if not self._sessions.get(session_id).has_files():
                    raise NotFoundError(f"there is no session {session_id!r}")
            return eraser.run(dict.fromkeys(named), on_session)
        strays, unknown = self._files.strays() if self._files is not None else ([], [])
        known = [info["session_id"] for info in self.list_sessions()]
        return eraser.run(dict.fromkeys((*known, *strays)), on_session, unknown)

    def verify(self, session_id: str, head: Head | str | None = None) -> VerifyReport:
        """Check every line of a session, the chain, and the archives. Changes nothing.

        `head`, noted down from an earlier report, shows whether a tail was cut off since.
        A session that does not exist has no problems and no head. Reads all of the log and of
        its archives, and holds one line in memory. Raises `ReadError`, and TypeError and
        ValueError for what is no head.
        """
        self._sessions.check_open()
        noted = head_of(head, "head") if head is not None else None
        return self._backend.verify(session_id, noted)

    def session_document(self, session_id: str) -> bytes:
        """The session file as a refresh would write it now: PraisonAI's data and the view.

        JSON. Writes nothing. O(size of the session file and of the view). Raises
        `SessionFileError`, also when everything is in memory, and as `get_runtime_state`.
        """
        return self._sessions.get(session_id).document()

    def session_file_path(self, session_id: str) -> str | None:
        """Where the session file is, or would be; None when everything is in memory.

        Reads no file for ids whose file name can be no other session's. Raises
        `SessionFileError` when it cannot be found out.
        """
        file = self._sessions.get(session_id).file
        return file.path if file is not None else None

    def refresh_session_file(self, session_id: str) -> None:
        """Write the session file if it is not what the log says; `flush` does it for all.

        O(size of the session file and of the view). Waits 5 s for PraisonAI's lock on it.
        Raises `SessionFileError` and `LockTimeoutError`.
        """
        self._sessions.get(session_id).refresher.refresh(anyway=True)
