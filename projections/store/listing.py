"""Sessions that PraisonAI keeps and the journal has no log of yet."""

import os
from datetime import UTC, datetime

from journal.engines.files.storage import Storage
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
    found = list(logs)
    try:
        names = storage.names(folder, SESSION_SUFFIX)
    except OSError as error:
        raise ReadError(
            error.errno, f"the folder {folder} cannot be read: {error.strerror}"
        ) from error
    for name in names:
        stem = name.removesuffix(SESSION_SUFFIX)
        if "_" not in stem and session_id_of(stem) in known:
            continue
        path = os.path.join(folder, name)
        session_id = session_id_in(storage, path)
        if session_id is None:
            session_id = session_id_of(stem)
        if session_id is None or session_id in known:
            continue
        try:
            changed = datetime.fromtimestamp(storage.modified(path), UTC)
        except FileNotFoundError:
            continue  # deleted while we looked
        except OSError as error:
            raise ReadError(error.errno, f"{path}: {error.strerror}") from error
        known.add(session_id)
        found.append({"session_id": session_id, "updated_at": changed.isoformat(), "log_bytes": 0})
    return found
