"""Which session files belong to, by their names, headers and session files."""

import os

from journal.engines.files.storage import Storage
from journal.errors import JournalError
from journal.events import Open
from journal.names import (
    LOG_SUFFIX,
    SESSION_SUFFIX,
    as_archived,
    has_digest,
    session_id_of,
    stem_of,
)
from projections.doctor.folder import ListedSession, ends_of, header_of_archive, take_inventory
from projections.store.session_file import session_id_in


def session_id_of_files(storage: Storage, folder: str, listed: ListedSession) -> str | None:
    """The session's id; None if it is unknown. Only a header has an id too long for a name."""
    stem = listed.stem
    if f"{stem}{SESSION_SUFFIX}" in listed.names and f"{stem}{LOG_SUFFIX}" not in listed.names:
        return _id_in_session_file(storage, folder, stem)
    session_id = session_id_of(stem)
    if session_id is None and has_digest(stem):
        return _id_in_headers(storage, folder, listed)
    return session_id


def _id_in_session_file(storage: Storage, folder: str, stem: str) -> str | None:
    """For a session without a log: PraisonAI may keep it under another name."""
    path = os.path.join(folder, f"{stem}{SESSION_SUFFIX}")
    found = session_id_in(storage, path) or session_id_of(stem)
    return found if found is not None or not stem.isprintable() else stem


def _id_in_headers(storage: Storage, folder: str, listed: ListedSession) -> str | None:
    stem = listed.stem
    for name in (None, *sorted(listed.archived)):
        try:
            header = _header(storage, folder, stem, name)
        except (JournalError, OSError):
            continue
        if header is not None and stem_of(header.session_id) == stem:
            return header.session_id
    return None


def _header(storage: Storage, folder: str, stem: str, archived: str | None) -> Open | None:
    """The header of a log, or of one of its archives. Raises `JournalError` and OSError."""
    paths = take_inventory(folder, ListedSession(stem, set(), set()), None).paths
    if archived is None:
        return ends_of(storage, paths.log).header
    return header_of_archive(storage, paths, as_archived(archived))
