"""Sessions that PraisonAI keeps and the journal has no log of yet."""

import os
from datetime import UTC, datetime

from journal.engines.files.storage import FileEntry, Storage
from journal.errors import ReadError
from journal.names import SESSION_SUFFIX, session_id_of
from journal.reports import SessionInfo
from projections.store.session_file import session_id_in


def with_session_files(
    storage: Storage, folder: str, logs: list[SessionInfo]
) -> list[SessionInfo]:
    """`logs` and the sessions of the folder that only have a session file.

    Opens the session files that may be of another session than their name says: those
    without a log of the same name, and those with a `_`, which PraisonAI puts in place of
    other characters. Raises `ReadError`.
    """
    known = {info["session_id"] for info in logs}
    found: dict[str, SessionInfo] = {}
    for name in _names(storage, folder):
        if "_" not in name and session_id_of(name.removesuffix(SESSION_SUFFIX)) in known:
            continue
        session_id = _session_of(storage, folder, name)
        if session_id is None or session_id in known or session_id in found:
            continue
        changed = _changed(storage, os.path.join(folder, name))
        if changed is not None:
            found[session_id] = {
                "session_id": session_id,
                "updated_at": changed.isoformat(),
                "log_bytes": 0,
            }
    return [*logs, *found.values()]


def entries_of(storage: Storage, folder: str) -> dict[str, FileEntry]:
    """The files of a folder that have names of session files, by name. Raises `ReadError`."""
    try:
        return {entry.name: entry for entry in storage.list(folder, SESSION_SUFFIX)}
    except OSError as error:
        raise _unreadable(folder, error) from error


def _unreadable(folder: str, error: OSError) -> ReadError:
    return ReadError(error.errno, f"the folder {folder} cannot be read: {error.strerror}")


def _names(storage: Storage, folder: str) -> list[str]:
    try:
        return storage.names(folder, SESSION_SUFFIX)
    except OSError as error:
        raise _unreadable(folder, error) from error


def _session_of(storage: Storage, folder: str, name: str) -> str | None:
    """The session that a file says it is of; else the one that it is named after."""
    said = session_id_in(storage, os.path.join(folder, name))
    return said if said is not None else session_id_of(name.removesuffix(SESSION_SUFFIX))


def _changed(storage: Storage, path: str) -> datetime | None:
    """When a file was changed; None if it was deleted while we looked."""
    try:
        return datetime.fromtimestamp(storage.modified(path), UTC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReadError(error.errno, f"{path}: {error.strerror}") from error
