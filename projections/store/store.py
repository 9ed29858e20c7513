"""`DefaultSessionStore`: the store API of PraisonAI's runtime state mirroring.

It joins both sides: appends go to an engine of `journal`, reads come from the view. What it
does stands in three rooms: `recording` what runtimes call, `upkeep` what people call who look
after sessions, `projections.inspection` looking back. Here it is made, flushed and closed.
"""

import os
import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from journal.backend import History
from journal.config import Durability, GatewaySettings, Limits, Prune, SessionSettings
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import Storage
from journal.redaction import Redactor, redact
from journal.redaction.entry import load
from journal.reprs import quoted, repr_of_parts
from journal.waiting import DEFAULT_TIMEOUT
from projections.inspection import Inspection
from projections.store.background import Maintenance
from projections.store.compacting import Compactor
from projections.store.encoder import StateEncoder
from projections.store.engine import Engine, encrypted, engine_of
from projections.store.open_sessions import OpenSessions
from projections.store.opening import SessionOpener
from projections.store.recording import Recording
from projections.store.settings import (
    check_encryption,
    check_others,
    check_prune,
    log_options,
    session_settings,
)
from projections.store.upkeep import Upkeep
from projections.store.writer import StoreWriter

if TYPE_CHECKING:
    from journal.encryption import Encryption
    from projections.store.pruning.schedule import PruneSchedule
    from projections.tail.tail import Tail

_LONGEST_PATH = 100  # characters that `repr` shows of it
_MOST_OPEN = 256
_MOST_BYTES = 256 * 1024 * 1024


class DefaultSessionStore(Recording, Upkeep, Inspection):
    """Runtime state per session, runtime and turn, kept in an append-only journal.

    Safe for threads, for forks, and for any number of processes on one folder. Use it
    as a context manager or call `close`; nothing acknowledged is lost if you don't.
    """

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
        prune: Prune | None = None,
        storage: Storage | None = None,
        encryption: "Encryption | None" = None,
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
        open (`ulimit -n`). `prune` says which sessions are to go by themselves, in the
        background, of which one process of a folder takes care. `storage` makes the operating
        system calls, to watch or fail them.
        `encryption` has the keys with which states are encrypted at rest; it asks for one now.
        Raises ValueError and TypeError for settings that make no sense, and `FolderError`, a
        ValueError, where the folder is in a home that is not known.
        """
        settings = session_settings(config)
        check_others(redact, limits, history, max_open)
        check_encryption(encryption)
        if redact is not None:
            load()
        options = log_options(durability, lock_timeout, writer, storage)
        engine = encrypted(self._engine(session_dir, settings, options), encryption)
        engine.backend.check_durability()
        self._backend, self._files = engine.backend, engine.files
        encoder = StateEncoder(redact)
        self._maintenance = Maintenance()
        opener = SessionOpener(engine, encoder, self._maintenance)
        self._sessions = OpenSessions(opener.open, max_open, _MOST_BYTES)
        self._compactor = Compactor(
            engine, self._sessions, self._maintenance, history, is_automatic=auto_compact
        )
        self._pruning = self._pruned_by(prune) if prune is not None else None
        mirrors = settings is None or settings.mirror_runtime_state
        self._writer = StoreWriter(
            self._sessions,
            encoder,
            limits or Limits(),
            self._compactor,
            self._pruning,
            mirrors=mirrors,
        )
        self._tails: weakref.WeakSet[Tail] = weakref.WeakSet()

    def _engine(
        self,
        session_dir: str | os.PathLike[str] | None,
        settings: SessionSettings | None,
        options: LogOptions,
    ) -> Engine:
        """Where the logs are kept: the one thing in which stores of other engines differ."""
        return engine_of(session_dir, settings, options)

    def _pruned_by(self, rule: Prune) -> "PruneSchedule":
        from projections.store.pruning.schedule import PruneSchedule  # few stores need it

        check_prune(rule)
        pruner, maintenance = self._pruner(), self._maintenance
        return PruneSchedule(rule, self._planner, pruner, self._files, maintenance)

    @property
    def session_dir(self) -> str | None:
        """The folder, None when everything is in memory."""
        return self._files.folder if self._files is not None else None

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        folder = self.session_dir
        yield quoted(folder, _LONGEST_PATH) if folder is not None else "in memory"
        if not self._writer.mirrors:
            yield "not mirroring"
        if self._sessions.is_closed:
            yield "closed"

    def flush(self) -> None:
        """Make all that was saved durable and bring the session files up to date.

        Costs a sync for each log written since the last flush with durability "os", a
        write for each session file that is behind, and nothing else: no system call where
        there is nothing to do. Waits 5 s for PraisonAI's lock on each of these files. Does all
        it can, then raises the first `SyncError`, `SessionFileError` or `LockTimeoutError` it
        met. Raises `ClosedError`.
        """
        self._sessions.check_open()
        self._sessions.flush()

    def close(self) -> None:
        """Refresh session files, close all logs, stop what runs in the background.

        Waits up to 5 s for background work, of which a later compaction does what is left,
        and up to 5 s where PraisonAI has locked session files. Trouble with a session file is
        logged, not raised. Can be called twice.
        """
        if self._sessions.is_closed:
            return
        self._sessions.is_closed = True
        for tail in list(self._tails):
            tail.stop()
        self._maintenance.close()
        self._sessions.close()
        self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # For `Inspection`

    def _check_open(self) -> None:
        self._sessions.check_open()

    def _view_now(self, session_id: str) -> dict[str, dict[str, Any]]:
        return self._sessions.get(session_id).whole()


def writer_of(store: DefaultSessionStore) -> StoreWriter:
    """How a store writes: for the adapters and the event loops, which need more than its API."""
    return store._writer
