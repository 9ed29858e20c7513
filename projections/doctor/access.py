"""Who else may read and write: modes and owners."""

import os
import pwd
from collections.abc import Iterator

from projections.doctor.finding import Finding, quoted, shell, warning
from projections.doctor.place import File

_OTHERS = 0o077
_ALL = 0o777
_FOLDER, _FILE = 0o700, 0o600
_MOST_NAMED = 4


def check_access(
    folder: File, archive: File | None, files: list[File], everything: bool
) -> Iterator[Finding]:
    """`files` are those examined; `everything` if these are all of the folder."""
    for place in (folder, archive):
        if place is not None and place.info.st_mode & _ALL != _FOLDER:
            yield _folder_mode(place)
    yield from _file_modes(folder, files, everything)
    yield from _owners(folder, files, everything)


def _folder_mode(place: File) -> Finding:
    return warning(
        "mode",
        place.path,
        f"the folder has mode {_mode(place)}, not 0700"
        + (": other users may look into it" if place.info.st_mode & _OTHERS else ""),
        shell("chmod", "700", "--", place.path),
    )


def _file_modes(folder: File, files: list[File], everything: bool) -> Iterator[Finding]:
    open_to_others = [file for file in files if file.info.st_mode & _OTHERS]
    if not open_to_others:
        return
    first, count = open_to_others[0], len(open_to_others)
    what = f"has mode {_mode(first)}, not 0600: other users may read or write it"
    if count > 1:
        what += f"; so have {count - 1} more files"
    if everything and count > _MOST_NAMED:
        remedy = (
            f"`find {quoted(folder.path)} -maxdepth 2 -type f ! -name '*.lock' -perm /077 "
            "-exec chmod 600 {} +`"
        )
    else:
        remedy = shell("chmod", "600", "--", *(file.path for file in open_to_others))
    yield warning("mode", first.path, what, remedy)


def _owners(folder: File, files: list[File], everything: bool) -> Iterator[Finding]:
    owner, me = folder.info.st_uid, os.geteuid()
    if me not in (owner, 0):
        what = f"the folder belongs to {_user(owner)}; you are {_user(me)}"
        yield warning("owner", folder.path, what, f"run the journal as {_user(owner)}")
    strange = [file for file in files if file.info.st_uid != owner]
    if not strange:
        return
    first, count = strange[0], len(strange)
    what = f"belongs to {_user(first.info.st_uid)}, the folder to {_user(owner)}"
    if count > 1:
        what += f"; so do {count - 1} more files" if _same(strange) else f"; {count} files in all"
    command = ["chown", _user(owner), "--", *(file.path for file in strange)]
    if everything and count > _MOST_NAMED:
        command = ["chown", "-R", _user(owner), "--", folder.path]
    yield warning("owner", first.path, what, f"as root: {shell(*command)}")


def _same(files: list[File]) -> bool:
    return len({file.info.st_uid for file in files}) == 1


def _mode(file: File) -> str:
    return f"{file.info.st_mode & _ALL:04o}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
