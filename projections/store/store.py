"""`DefaultSessionStore`: the store API of PraisonAI's runtime state mirroring.

Joins both sides: appends go to an engine of `journal`, reads come from the view.
"""

import os
import weakref
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from journal.backend import (
    CompactionReport,
    History,
    SessionInfo,
    VerifyReport,
)
from journal.config import Durability, GatewaySettings, Limits, SessionSettings
from journal.engines.files.directory import Directory
from journal.engines.files.storage import Storage
from journal.engines.memory import MemoryDirectory
from journal.errors import (
    ClosedError,
    JournalError,
    StateTypeError,
    StateValueError,
    StorageError,
)
from journal.events import Clear, Head, Set, Takeover
from journal.redaction import Redactor, redact
from journal.state import check_text
from journal.waiting import DEFAULT_TIMEOUT
from projections.inspection import Inspection
from projections.store.background import Maintenance
from projections.store.encoder import StateEncoder
from projections.store.listing import with_session_files
from projections.store.locks import SessionLocks
from projections.store.session_file import SessionFile
from projections.store.sessions import Budget, OpenSessions, Session
from projections.store.settings import check_others, folder_of, log_options, session_settings
from projections.tail.tail import Tail

_MOST_OPEN = 256
_MOST_BYTES = 256 * 1024 * 1024


class DefaultSessionStore(Inspection):
    """Runtime state per session, runtime and turn, kept in an append-only journal.

    Safe for threads, for forks, and for any number of processes on one folder. Use it
    as a context manager or call `close`; nothing acknowledged is lost if you don't.

    `limits` are those given, `mirrors` says whether anything is recorded, and `encoder` is
    what makes events of states, as `append` takes them.
    """

    _backend: Directory

    def __init__(
        self,
        session_dir: str | os.PathLike[str] | None = None,
        *,
        config: GatewaySettings | SessionSettings | None = None,
        durability: Durability = "fsync",
        limits: Limits | None = None,
        redact: Redactor | None = redact,
        lock_timeout: float = DEFAULT_TIMEOUT,
        writer: str | None = None,
        auto_compact: bool = True,
        history: History = "archive",
        max_open: int = _MOST_OPEN,
        storage: Storage | None = None,
    ) -> None:
        """Reads the environment; touches no file until something is read or written.

        `session_dir` is the folder; without it `persist_path` of the config, then
        `$PRAISONAI_HOME/sessions`, then `~/.praisonai/sessions`. `config` is a gateway or
        session config, ours or PraisonAI's: mirroring is then on only if it says so, and
        with `persist=False` everything stays in memory. `durability` "fsync" means that a
        True survives power loss, "os" that it survives the process. `redact` replaces
        secrets before saving; None saves states as they are. `lock_timeout` is in seconds.
        `writer` names who appends, host:pid by default. `auto_compact` compacts logs of
        which most is dead, `history` says what becomes of that. At most `max_open` logs
        are held open, and no more than a quarter of the files that the process may have
        open (`ulimit -n`). `storage` makes the operating system calls, to watch or fail them.
        Raises ValueError and TypeError for settings that make no sense, and `FolderError`, a
        ValueError, where the folder is in a home that is not known.
        """
        settings = session_settings(config)
        check_others(redact, limits, history, max_open)
        self.mirrors = settings is None or settings.mirror_runtime_state
        self._in_files = settings is None or settings.persist
        self._options = log_options(durability, lock_timeout, writer, storage)
        self.limits = limits or Limits()
        self.encoder = StateEncoder(redact, self.limits)
        self._backend = (
            Directory(folder_of(session_dir, settings), self._options)
            if self._in_files
            else MemoryDirectory(self._options)
        )
        self._auto_compact = auto_compact
        self._history: History = history
        self._budget = Budget()
        self._sessions = OpenSessions(self._open, max_open, _MOST_BYTES)
        self._maintenance = Maintenance()
        self._compacting = SessionLocks()
        self._tails: weakref.WeakSet[Tail] = weakref.WeakSet()
        self._closed = False

    @property
    def session_dir(self) -> str | None:
        """The folder, None when everything is in memory."""
        return self._backend.folder if self._in_files else None

    # PraisonAI's three methods

    def set_runtime_state(
        self,
        session_id: str,
        runtime_id: str,
        turn_id: str,
        state: dict[str, Any],
        mirror_enabled: bool = True,
    ) -> bool:
        """Save a turn's state, replacing what the turn held. O(size of the state).

        `state` is a dict of plain JSON data; `get` gives an equal one back. Returns True
        when it is saved as durably as the store was told to. With `mirror_enabled` False, or
        a config that does not mirror, it returns True and looks at nothing else.

        Raises `StateTypeError`, `StateValueError` or `LimitExceededError` for a state that
        cannot be kept exactly, `AppendError` when nothing was written, `SyncError` when it
        is unknown whether it will last, `LockTimeoutError`, and other `JournalError`s,
        which say what to do.
        """
        if not (mirror_enabled and self.mirrors):
            return True
        self.append(session_id, (self.encoder.event(runtime_id, turn_id, state),))
        return True

    def get_runtime_state(
        self, session_id: str, runtime_id: str, turn_id: str | None = None
    ) -> dict[str, Any]:
        """A turn's state, or `{turn_id: state}` of all turns in order. A copy of your own.

        `{}` where there is nothing. Sees what any process has written. Never writes,
        creates or waits. Raises `ReadError` and its siblings when a file is there but
        cannot be read.
        """
        session = self._session(session_id)
        check_text(runtime_id, "runtime_id")
        if turn_id is None:
            return session.runtime(runtime_id)
        check_text(turn_id, "turn_id")
        state: dict[str, Any] = session.turn(runtime_id, turn_id)
        return state

    def clear_runtime_state(self, session_id: str, runtime_id: str | None = None) -> bool:
        """Drop a runtime's state, or all of it. The history of it stays in the log.

        Returns True: there is none now. Writes nothing if there was none before. Raises
        as `set_runtime_state`.
        """
        session = self._session(session_id)
        if runtime_id is not None:
            check_text(runtime_id, "runtime_id")
        event = Clear(runtime_id=runtime_id)
        if session.holds(runtime_id):  # and once more when nobody else can clear it
            session.append(lambda: (event,) if session.holds(runtime_id) else ())
        return True

    # Beyond them

    def set_many(
        self,
        session_id: str,
        items: Iterable[tuple[str, str, dict[str, Any]]],
        mirror_enabled: bool = True,
    ) -> bool:
        """Save many turns, `(runtime_id, turn_id, state)` each, with one write and one sync.

        All are checked before the first is written. Returns and raises as
        `set_runtime_state`. A crash during the write may leave the first few of them.
        """
        if not (mirror_enabled and self.mirrors):
            return True
        events = self.encoder.events(items)
        self.append(session_id, events)
        return True

    def append(self, session_id: str, events: Sequence[Set], *, refresh: bool = True) -> None:
        """Save what `encoder` made of states, with one write and one sync.

        For those who make the events at another time than they save them, or who refresh the
        session file at another time: `refresh_session_file_if_due`. Raises as
        `set_runtime_state`.
        """
        if not events:
            return
        session = self._session(session_id)
        if self.encoder.rejects:
            if not session.log.refresh():
                self._checked(session, events)  # before there is a file
            session.append(lambda: self._checked(session, events), refresh=refresh)
        else:
            session.append(events, refresh=refresh)
        self._appended(session, events)

    def append_at_once(
        self, session_id: str, events: Sequence[Set], *, by_owner: bool = False
    ) -> bool:
        """As `append`, if that waits for nobody; else False, and nothing is saved.

        For event loops. It would wait for a sync, for a lock that somebody has, or for a log to
        be opened, read on in or mended. With `by_owner`, nothing is saved either where another
        runtime than that of the first event has the session. Leaves the session file to
        `refresh_session_file_if_due`, in a thread.
        """
        self._check_open()
        session = self._sessions.get_open(session_id)
        if session is None or self.encoder.rejects:
            return False
        if by_owner and session.owner.runtime_id not in (None, events[0].runtime_id):
            return False
        if not session.append_at_once(events):
            return False
        self._appended(session, events)
        return True

    def owner(self, session_id: str) -> tuple[str, str | None] | None:
        """The runtime that has the session, and the turn that it wrote last since it has it.

        None if nobody has it. The turn is None if it wrote none. Sees what any process has
        written. O(1) where the session is open. Raises as `get_runtime_state`.
        """
        return self._session(session_id).owned_by()

    def refresh_session_file_if_due(self, session_id: str) -> None:
        """Write the session file if it may take time now. What goes wrong is logged."""
        session = None if self._closed else self._sessions.get_open(session_id)
        if session is not None:
            session.refresh_file_if_due()

    def _appended(self, session: Session, events: Sequence[Set]) -> None:
        if not self.encoder.rejects:
            self.encoder.warn(session, events)
        if self._auto_compact and session.is_bloated():
            self._schedule_compaction(session.session_id)

    def hand_off(
        self,
        session_id: str,
        source: str,
        target: str,
        turn_id: str | None = None,
        reason: str | None = None,
    ) -> bool:
        """Record that the runtime `source` gives the session, or one turn, to `target`.

        Nothing is locked by it: `target` takes over when it calls `take_over`. Secrets in
        `reason` are replaced. Returns and raises as `set_runtime_state`; ValueError when
        source and target are the same.
        """
        self._check_open()
        event = self.encoder.handoff(source, target, turn_id, reason)
        if self.mirrors:
            self._session(session_id).append((event,))
        return True

    def take_over(self, session_id: str, runtime_id: str) -> dict[str, dict[str, Any]]:
        """Record that a runtime takes the session over; returns the view that it inherits.

        `{runtime_id: {turn_id: state}}`, exactly as of the seq that is recorded as seen.
        Answers the latest handoff to this runtime that is still open; without one it goes
        into the audit as unannounced. Where the store does not mirror, nothing is
        recorded. Raises as `set_runtime_state`.
        """
        session = self._session(session_id)
        check_text(runtime_id, "runtime_id")

        def takeover() -> tuple[Takeover]:
            answered = session.pending.answered_by(runtime_id)
            return (Takeover(runtime_id=runtime_id, handoff_seq=answered),)

        return session.append_and_show(takeover) if self.mirrors else session.whole()

    def list_sessions(self, limit: int | None = None) -> list[SessionInfo]:
        """The sessions, last changed first, at most `limit` of them.

        Those of PraisonAI that have no log yet are listed too, with `log_bytes` 0.
        """
        self._check_open()
        if limit is not None and limit < 0:
            raise ValueError(f"limit is {limit}; it must be 0 or more")
        found = self._backend.sessions()
        if self._in_files:
            found = with_session_files(self._options.storage, self._backend.folder, found)
        found.sort(key=lambda info: info["updated_at"], reverse=True)
        return found[:limit]

    def session_exists(self, session_id: str) -> bool:
        """Whether there is a log or a session file of this id. Creates nothing."""
        return self._session(session_id).exists()

    def delete_session(self, session_id: str) -> bool:
        """Delete a session: log, history and session file, messages included.

        Only the session file's empty lock file stays. Returns False when there was none.
        A session made again under the id is a new one.
        """
        session = self._session(session_id)
        there, file = session.has_files(), session.file

        def delete() -> bool:
            if file is None:
                return self._backend.delete(session_id)
            if not there:
                return False
            with file.locked(self._options.lock_timeout):
                file.discard_unfinished()  # before the rest: that can be finished by others
                return self._backend.delete(session_id, file.name())

        return self._sessions.delete(session_id, delete)

    def compact(self, session_id: str, history: History | None = None) -> CompactionReport | None:
        """Rewrite a session's log with only what lives, now. None when there is no log.

        What was overwritten or cleared moves to `archive/`, or is dropped together with
        older archives when `history` is "drop". Writers go on meanwhile. Waits for another
        compaction of the session by this store. Raises `CompactionAbandonedError` when one
        by somebody else is under way.
        """
        session = self._session(session_id)
        lock = self._compacting.of(session_id)
        with lock:
            report = self._backend.compact(session_id, history or self._history)
            self._compacted(session, report)
            if report is not None:
                session.refresh_file_or_warn()
            return report

    def verify(self, session_id: str, head: Head | str | None = None) -> VerifyReport:
        """Check every line of a session, the chain, and the archives. Changes nothing.

        `head`, noted down from an earlier report, shows whether a tail was cut off since.
        A session that does not exist has no problems and no head. Raises `ReadError`.
        """
        self._check_open()
        noted = Head.parse(head) if isinstance(head, str) else head
        if noted is not None and not isinstance(noted, Head):
            raise TypeError(f"head must be a Head or its text, not {type(noted).__name__}")
        return self._backend.verify(session_id, noted)

    def session_document(self, session_id: str) -> bytes:
        """The session file as a refresh would write it now: PraisonAI's data and the view.

        JSON. Writes nothing. Raises `SessionFileError`, also when everything is in memory.
        """
        return self._session(session_id).document()

    def session_file_path(self, session_id: str) -> str | None:
        """Where the session file is, or would be; None when everything is in memory.

        Raises `SessionFileError` when that cannot be found out.
        """
        file = self._session(session_id).file
        return file.path if file is not None else None

    def refresh_session_file(self, session_id: str) -> None:
        """Write the session file if it is not what the log says; `flush` does it for all.

        Raises `SessionFileError` and `LockTimeoutError`.
        """
        session = self._session(session_id)
        session.refresh_file(anyway=True)

    def has_log(self, session_id: str) -> bool:
        """Whether anything was written to the session's log. Raises as `get_runtime_state`."""
        return self._session(session_id).log.refresh()

    def flush(self) -> None:
        """Make all that was saved durable and bring the session files up to date.

        Costs a sync for each log written since the last flush with durability "os", a
        write for each session file that is behind, and nothing else. Does all it can, then
        raises the first `SyncError`, `SessionFileError` or `LockTimeoutError` it met.
        """
        self._check_open()
        first: JournalError | None = None

        def flush(session: Session) -> None:
            nonlocal first
            for step in (session.flush, session.refresh_file):
                try:
                    step()
                except JournalError as error:
                    first = first or error  # not all: each holds its session

        self._sessions.flush(flush)
        if first is not None:
            raise first

    def close(self) -> None:
        """Refresh session files, close all logs, stop what runs in the background.

        Waits up to 5 s for background work, of which a later compaction does what is left,
        and up to 5 s where PraisonAI has locked session files. Trouble with a session file is
        logged, not raised. Can be called twice.
        """
        if self._closed:
            return
        self._closed = True
        for tail in list(self._tails):
            tail.stop()
        self._maintenance.close()
        self._sessions.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Inside

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the store is closed; make a new one")

    def _session(self, session_id: str) -> Session:
        if self._closed:
            self._check_open()
        return self._sessions.get(session_id)

    def _view_now(self, session_id: str) -> dict[str, dict[str, Any]]:
        return self._session(session_id).whole()

    def _open(self, session_id: str) -> Session:
        file = self._file(session_id)
        import_events = (lambda: self._import(session_id, file)) if file is not None else None
        stale = self._sessions.stale if self._in_files else None
        durable = self._options.durability == "fsync" or not self._in_files
        unsynced = None if durable else self._sessions.unsynced
        return Session(
            self._backend, session_id, file, import_events, self._budget, stale, unsynced
        )

    def _file(self, session_id: str) -> SessionFile | None:
        if not self._in_files:
            return None
        durable = self._options.durability == "fsync"
        return SessionFile(self._options.storage, self._backend.paths(session_id), durable=durable)

    def _import(self, session_id: str, file: SessionFile) -> Sequence[Set]:
        """An older session's state as the first events of its log."""
        try:
            return [
                self.encoder.event_of_any(runtime_id, turn_id, state, f"{runtime_id}.{turn_id}")
                for runtime_id, turns in file.runtime_state().items()
                for turn_id, state in turns.items()
            ]
        except (StateTypeError, StateValueError) as error:
            raise type(error)(
                f"session {session_id!r} has no log yet, and its session file {file.path} cannot "
                f"be imported: runtime_state.{error}. Nothing was written; mend the file or move "
                "it away"
            ) from error

    def _checked(self, session: Session, events: Sequence[Set]) -> Sequence[Set]:
        """The events, if they exceed no limit when nobody else can append any more."""
        older = () if session.log.head is not None else session.import_events()
        self.encoder.check(session, events, older)
        return events

    def _schedule_compaction(self, session_id: str) -> None:
        name = f"compaction of session {session_id!r}"
        self._maintenance.schedule(name, lambda stop: self._compact_if_due(session_id, stop))

    def _compact_if_due(self, session_id: str, stop: Callable[[], bool]) -> None:
        """In the background, while the store may be closing. Others may have compacted it."""
        lock = self._compacting.of(session_id)
        if not lock.acquire(blocking=False):
            return
        try:
            session = self._sessions.get(session_id)
            if not session.is_still_bloated():
                return
            try:
                report = self._backend.compact(session_id, self._history, stop)
            except StorageError:  # most likely the next attempt will fail alike: not soon
                session.compacted(session.log.size)
                raise
            self._compacted(session, report)
            session.refresh_file_or_warn(timeout=0.0)
        finally:
            lock.release()

    def _compacted(self, session: Session, report: CompactionReport | None) -> None:
        if report is not None:
            session.compacted(report.bytes_after)
            self._schedule_packing(session.session_id)

    def _schedule_packing(self, session_id: str) -> None:
        self._maintenance.schedule(
            f"packing of session {session_id!r}",
            lambda stop: self._backend.pack(session_id, stop),
        )
