"""Sessions of which files are left, but no log: what crashes, losses and people have left."""

import os

from journal.engines.files.archives import read_archive
from journal.engines.files.ends import header_of
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
    """Of an id that is too long for a name. Only an archived log has it."""
    if not is_archived_log(name):
        return None
    try:
        header = header_of(read_archive(storage, paths_of_stem(folder, ""), as_archived(name)))
    except (FileNotFoundError, ReadError):
        return None
    return header.session_id if header is not None else None
