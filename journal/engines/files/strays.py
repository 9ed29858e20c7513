"""Sessions of which files are left, but no log: what crashes, losses and people have left."""

import os

from journal.engines.files.archives import archived_header
from journal.engines.files.storage import Storage
from journal.errors import ReadError
from journal.names import (
    ARCHIVE,
    SNAPSHOT_SUFFIX,
    as_archived,
    is_archived_log,
    paths_of_stem,
    session_id_of,
    stem_in,
    stem_of,
    unfinished,
)


def stray_sessions(storage: Storage, folder: str) -> tuple[list[str], list[str]]:
    """The ids of such sessions, and the paths of files of which the session is not known.

    Lists the archive. Raises `ReadError`.
    """
    archive = os.path.join(folder, ARCHIVE)
    try:
        archived = storage.names(archive, "")
        beside = [
            name
            for suffix in (SNAPSHOT_SUFFIX, unfinished(""))
            for name in storage.names(folder, suffix)
        ]
        found: dict[str, None] = {}
        unknown: list[str] = []
        for place, names in ((archive, archived), (folder, beside)):
            for name in sorted(names):
                stem = stem_in(name)
                if storage.find(paths_of_stem(folder, stem).log) is not None:
                    continue
                session_id = session_id_of(stem) or _id_inside(storage, folder, name)
                if session_id is not None:
                    found[session_id] = None
                else:
                    unknown.append(os.path.join(place, name))
        return list(found), unknown
    except OSError as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(
            error.errno, f"the folder {folder} cannot be read: {error.strerror}"
        ) from error


def _id_inside(storage: Storage, folder: str, name: str) -> str | None:
    """Of an id that is too long for a name. Only an archived log has it.

    A file that a fork shares with its origin has the origin's.
    """
    if not is_archived_log(name):
        return None
    stem = stem_in(name)
    try:
        _, header = archived_header(storage, paths_of_stem(folder, stem), as_archived(name))
    except (FileNotFoundError, ReadError):
        return None
    is_own = header is not None and stem_of(header.session_id) == stem
    return header.session_id if header is not None and is_own else None
