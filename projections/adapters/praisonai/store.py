"""PraisonAI's session stores with their runtime state in the journal.

Messages, search, forks, metadata, export and import are PraisonAI's own code. Under
`runtime_state` it reads and writes the journal's view. The journal comes in at three points:

- a session read from its file gets the view instead of the state in the file;
- a session written to its file is written with the view, if there is a log;
- an import and a fork put the states they bring into a log before the file is written.
"""

import json
import logging
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from praisonaiagents.session.store import DefaultSessionStore as PraisonAIStore

from journal.errors import JournalError, StateTypeError
from projections.store.store import DefaultSessionStore

logger = logging.getLogger("journal")

States = dict[str, dict[str, Any]]
_KEY = "runtime_state"


class JournalSessionStore(PraisonAIStore):  # type: ignore[misc]  # PraisonAI has no types
    """PraisonAI's `DefaultSessionStore`, with the runtime state of its sessions in the journal.

    Takes the same arguments, and `journal`: the journal's own store, to choose durability,
    limits or redaction. Without it, a store with defaults is made for `session_dir`. The
    attribute `journal` gives access to everything that PraisonAI's API lacks: `replay`,
    `history`, `hand_off`, `tail`, and more.

    It keeps PraisonAI's contract: where PraisonAI returns False and logs, so does this class,
    and no error of the journal is raised. Two ids never share a file, as in the journal.
    Sessions that PraisonAI wrote under file names of its own are found.
    """

    def __init__(
        self, *args: Any, journal: DefaultSessionStore | None = None, **kwargs: Any
    ) -> None:
        self._journal = journal
        self._journal_lock = threading.Lock()
        super().__init__(*args, **kwargs)

    @property
    def journal(self) -> DefaultSessionStore:
        """The journal's store of the same folder."""
        if self._journal is None:
            with self._journal_lock:
                if self._journal is None:
                    self._journal = DefaultSessionStore(
                        self.session_dir, lock_timeout=self.lock_timeout
                    )
        return self._journal

    # PraisonAI's three methods

    def set_runtime_state(
        self,
        session_id: str,
        runtime_id: str,
        turn_id: str,
        state: dict[str, Any],
        mirror_enabled: bool = True,
    ) -> bool:
        """Save a turn's state. If it cannot be saved, logs an error and returns False.

        As in PraisonAI, keys that are numbers, true or null become strings. NaN is refused:
        PraisonAI keeps it, but it is not JSON.
        """

        def save() -> None:
            try:
                self.journal.set_runtime_state(
                    session_id, runtime_id, turn_id, state, mirror_enabled
                )
            except StateTypeError:
                plain = _as_json(state)
                if plain is None:
                    raise
                self.journal.set_runtime_state(
                    session_id, runtime_id, turn_id, plain, mirror_enabled
                )

        return self._do("set runtime state", session_id, save)

    def get_runtime_state(
        self, session_id: str, runtime_id: str, turn_id: str | None = None
    ) -> dict[str, Any]:
        """A turn's state, or all turns of a runtime. Logs an error and returns `{}` if need be."""
        try:
            return self.journal.get_runtime_state(session_id, runtime_id, turn_id)
        except (JournalError, OSError) as error:
            _log("get runtime state", session_id, error)
            return {}

    def clear_runtime_state(self, session_id: str, runtime_id: str | None = None) -> bool:
        """Drop a runtime's state, or all. If that fails, logs an error and returns False."""
        return self._do(
            "clear runtime state",
            session_id,
            lambda: self.journal.clear_runtime_state(session_id, runtime_id),
        )

    # Sessions as wholes

    def delete_session(self, session_id: str) -> bool:
        """Delete a session, its log and its history. True also if there was no such session."""
        if not self._do(
            "delete session", session_id, lambda: self.journal.delete_session(session_id)
        ):
            return False
        deleted: bool = super().delete_session(session_id)
        return deleted

    def session_exists(self, session_id: str) -> bool:
        """Whether there is a session file or a log."""
        return bool(super().session_exists(session_id)) or self._has_log(session_id)

    def list_sessions(self, limit: int = 50) -> list[dict[str, Any]]:
        """The metadata of at most `limit` sessions, the one that changed last first."""
        self._write_missing_files()
        found: list[dict[str, Any]] = super().list_sessions(limit)
        return found

    def export_all(self) -> dict[str, Any]:
        """Every session, with the journal's view of it. Raises OSError if one is unreadable."""
        self._write_missing_files()
        payload: dict[str, Any] = super().export_all()
        self._show_views(payload["sessions"])
        return payload

    def close(self) -> None:
        """Close the journal, and the mirror of messages if there is one."""
        self.close_mirror()
        if self._journal is not None:
            self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Where PraisonAI reads and writes session files

    def _get_session_path(self, session_id: str) -> str:
        """The path of the session's file: the one PraisonAI made, or the journal's own."""
        try:
            path = self.journal.session_file_path(session_id)
        except JournalError as error:
            _log("find the file of", session_id, error)
            path = None
        if path is None:
            return str(super()._get_session_path(session_id))
        return os.path.join(self.session_dir, os.path.basename(path))

    def _load_session(self, session_id: str) -> Any:
        return self._with_view(session_id, super()._load_session(session_id))

    def _read_session_fresh(self, session_id: str) -> Any:
        return self._with_view(session_id, super()._read_session_fresh(session_id))

    def _session_to_storage(self, session: Any) -> dict[str, Any]:
        data: dict[str, Any] = super()._session_to_storage(session)
        if self._has_log(session.session_id):
            data[_KEY] = self._view(session.session_id, data.get(_KEY))
        return data

    def _save_imported_session(self, session: Any, *, overwrite: bool = True) -> bool:
        session_id, states = session.session_id, session.runtime_state
        is_new = not self.session_exists(session_id)
        if not overwrite and not is_new:
            raise FileExistsError(self._get_session_path(session_id))
        session.runtime_state = {}  # the file must not have states that are not redacted
        if not super()._save_imported_session(session, overwrite=overwrite):
            return False
        try:
            self.journal.clear_runtime_state(session_id)
            self._adopt(session_id, states)
        except BaseException:
            if is_new:
                self.delete_session(session_id)
            raise
        self._with_view(session_id, session)
        return True

    def _collect_lineage(self, session: Any, *, exclude: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super()._collect_lineage(session, exclude=exclude)
        self._show_views(found)
        return found

    # Inside

    def _do(self, what: str, session_id: str, action: Callable[[], object]) -> bool:
        try:
            action()
        except (JournalError, OSError) as error:
            _log(what, session_id, error)
            return False
        return True

    def _has_log(self, session_id: str) -> bool:
        try:
            return self.journal.has_log(session_id)
        except (JournalError, OSError) as error:
            _log("look for the log of", session_id, error)
            return False

    def _view(self, session_id: str, otherwise: States | None = None) -> States:
        """The view; if the journal cannot be read, `otherwise`."""
        try:
            return self.journal.state_at(session_id)
        except (JournalError, OSError) as error:
            _log("read the runtime state of", session_id, error)
            return otherwise if otherwise is not None else {}

    def _with_view(self, session_id: str, session: Any) -> Any:
        if self._has_log(session_id):
            session.runtime_state = self._view(session_id, session.runtime_state)
        return session

    def _show_views(self, sessions: list[dict[str, Any]]) -> None:
        for data in sessions:
            session_id = data.get("session_id")
            if isinstance(session_id, str) and self._has_log(session_id):
                data[_KEY] = self._view(session_id, data.get(_KEY))

    def _adopt(self, session_id: str, view: States) -> None:
        """Put states from elsewhere into the log. Raises `JournalError`."""
        self.journal.set_many(
            session_id,
            [
                (runtime_id, turn_id, state)
                for runtime_id, turns in view.items()
                for turn_id, state in turns.items()
            ],
        )

    def _write_missing_files(self) -> None:
        """Write session files that are missing: PraisonAI lists sessions by their files."""
        try:
            for info in self.journal.list_sessions():
                if info["log_bytes"] and not super().session_exists(info["session_id"]):
                    self.journal.refresh_session_file(info["session_id"])
        except (JournalError, OSError) as error:
            _log("write the session files of", self.session_dir, error)


def _as_json(state: object) -> dict[str, Any] | None:
    """A state as it comes back from PraisonAI's files; None if it could not be written."""
    try:
        plain = json.loads(json.dumps(state))
    except (TypeError, ValueError, RecursionError):
        return None
    return plain if isinstance(plain, dict) else None


def _log(what: str, session_id: str, error: Exception) -> None:
    logger.error("Failed to %s %s: %s", what, session_id, error)
