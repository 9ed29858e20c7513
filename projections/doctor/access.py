"""Who may read and write: owners and modes.

In a folder that belongs to one user, everything should be that user's alone: folders 0700,
files 0600. In one that its owner shares with a group, everything should be the group's too:
02770 and 0660. The usual reason for anything else is a command that was once run by root.
"""

import grp
import os
import pwd
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from journal.engines.files.modes import is_shared
from journal.names import ARCHIVE, LOCK_SUFFIX, NEW_SUFFIX, is_in_folder
from projections.doctor.finding import Finding, Severity, of_path, quoted, shell, shown
from projections.doctor.folder import File, look_at
from projections.doctor.reach import is_accessible, reachable
from projections.doctor.remedies import Advice, Remedy

_MOST_IN_COMMAND = 4
_MOST_NAMED = 20


class Rules(NamedTuple):
    """What a folder should have: the owner, the group if it is shared, and the modes."""

    owner: int
    group: int | None
    folder_mode: int
    file_mode: int

    def fits_owner(self, file: File) -> bool:
        if self.group is not None:
            return file.info.st_gid == self.group
        return file.info.st_uid == self.owner

    def fits_mode(self, file: File) -> bool:
        mode = stat.S_IMODE(file.info.st_mode)
        if stat.S_ISDIR(file.info.st_mode):
            if self.group is None:
                mode &= ~stat.S_ISGID
            return mode == self.folder_mode
        if file.name.endswith(LOCK_SUFFIX):  # empty, and made by PraisonAI with its umask
            mode &= self.file_mode
        return mode == self.file_mode


def check_access(folder: str, files: list[File], everything: bool) -> Iterator[Finding]:
    """Check a folder, and the files and folders in it; `everything` if `files` are all of them."""
    reached = reachable(folder)
    if reached is None:
        return
    if reached.path != os.path.realpath(folder) or _belongs_elsewhere(reached):
        yield _of_folder(reached)
        return
    rules = _rules_of(reached)
    # Another user may be writing a file that ends in NEW_SUFFIX: `Debris` looks at those.
    strange = [
        file for file in files if not (rules.fits_owner(file) or file.name.endswith(NEW_SUFFIX))
    ]
    if strange:
        yield _strange(reached, rules, strange, everything)
    ours = [file for file in files if _is_made_by_us(file)]
    checked = [reached, *ours] if _is_only_for_sessions(reached, ours) else ours
    wrong = [file for file in checked if not rules.fits_mode(file)]
    for kind in (stat.S_ISDIR, stat.S_ISREG):
        some = [file for file in wrong if kind(file.info.st_mode)]
        if some:
            yield from _wrong_modes(reached, rules, some, everything)


def _is_only_for_sessions(folder: File, ours: list[File]) -> bool:
    """False for a folder that everybody may write to, like /tmp, or that has only other files."""
    if folder.info.st_mode & stat.S_ISVTX:
        return False
    try:
        return bool(ours) or not os.listdir(folder.path)
    except PermissionError:
        return True  # nobody can use it as it is


def _rules_of(folder: File) -> Rules:
    owner = folder.info.st_uid
    if is_shared(folder.path):
        return Rules(owner, folder.info.st_gid, 0o2770, 0o660)
    return Rules(owner, None, 0o700, 0o600)


# The folder


def _belongs_elsewhere(folder: File) -> bool:
    """Whether the folder is another user's, and not shared with us."""
    if os.geteuid() in (0, folder.info.st_uid):
        return False
    return not (is_shared(folder.path) and is_accessible(folder))


def _of_folder(folder: File) -> Finding:
    owner, me = folder.info.st_uid, os.geteuid()
    if owner == me:
        advice = Remedy.CHMOD.of(command=shell("chmod", "700", "--", folder.path))
        return of_path("error", "mode", folder.path, _mode_of(folder), advice)
    what = f"the folder belongs to {_user(owner)}; you are {_user(me)}"
    above = look_at(os.path.dirname(folder.path))
    if above is not None and above.info.st_uid == me:
        what += ". It is in a folder of yours: was the journal once run by root?"
        advice = Remedy.CHOWN.of(command=shell("chown", "-R", _user(me), "--", folder.path))
    elif is_shared(folder.path):
        advice = Remedy.RUN_AS_MEMBER.of(group=_group(folder.info.st_gid))
    else:
        advice = Remedy.RUN_AS_OWNER.of(user=_user(owner))
    return of_path(_severity([folder]), "owner", folder.path, what, advice)


# What is in it


def _is_made_by_us(file: File) -> bool:
    parent = os.path.basename(os.path.dirname(file.path))
    return ARCHIVE in (parent, file.name) or is_in_folder(file.name)


def _severity(files: Iterable[File]) -> Severity:
    """An error if we cannot use the files, otherwise a warning."""
    return "warning" if all(map(is_accessible, files)) else "error"


def _strange(folder: File, rules: Rules, strange: list[File], everything: bool) -> Finding:
    """Files of another user, or in a shared folder of another group."""
    paths = [file.path for file in strange]
    if everything and len(paths) > _MOST_IN_COMMAND:
        paths = [folder.path]
    if rules.group is not None:
        group = _group(rules.group)
        theirs = _names_of(strange, lambda file: _group(file.info.st_gid))
        what = f"belongs to the group {theirs}, the folder to {group}"
        advice = Remedy.CHGRP.of(command=shell("chgrp", "-R", group, "--", *paths))
    else:
        owner = _user(rules.owner)
        theirs = _names_of(strange, lambda file: _user(file.info.st_uid))
        what = f"belongs to {theirs}, the folder to {owner}"
        advice = Remedy.CHOWN.of(command=shell("chown", "-R", owner, "--", *paths))
    what += _others(folder, strange)
    return of_path(_severity(strange), "owner", strange[0].path, what, advice)


def _names_of(files: list[File], name: Callable[[File], str]) -> str:
    return " or ".join(sorted({name(file) for file in files}))


def _others(folder: File, files: list[File]) -> str:
    """Names the files after the first."""
    if len(files) == 1:
        return ""
    names = [shown(os.path.relpath(file.path, folder.path)) for file in files[1:]]
    more = len(names) - _MOST_NAMED
    listed = ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
    return f"; so do {len(names):,} more: {listed}"


def _wrong_modes(
    folder: File, rules: Rules, wrong: list[File], everything: bool
) -> Iterator[Finding]:
    """`wrong` are all folders or all files."""
    is_folder = stat.S_ISDIR(wrong[0].info.st_mode)
    wanted = rules.folder_mode if is_folder else rules.file_mode
    what = _mode_of(wrong[0], wanted)
    if len(wrong) > 1:
        what += _others(folder, wrong).replace("so do", "so have")
    yield of_path(
        _severity(wrong), "mode", wrong[0].path, what, _chmod(folder, wanted, wrong, everything)
    )


def _mode_of(file: File, wanted: int = 0o700) -> str:
    mode = stat.S_IMODE(file.info.st_mode)
    is_folder = stat.S_ISDIR(file.info.st_mode)
    what = f"{'the folder has' if is_folder else 'has'} mode {mode:04o}, not {wanted:04o}"
    if wanted & ~mode:
        return f"{what}: those who should use it cannot"
    return f"{what}: other users may {'look into it' if is_folder else 'read or write it'}"


def _chmod(folder: File, wanted: int, wrong: list[File], everything: bool) -> Advice:
    mode = f"{wanted:o}"
    if everything and len(wrong) > _MOST_IN_COMMAND:
        command = (
            f"`find {quoted(folder.path)} -maxdepth 2 -type f ! -perm {mode} "
            f"-exec chmod {mode} {{}} +`"
        )
    else:
        command = shell("chmod", mode, "--", *(file.path for file in wrong))
    me = os.geteuid()
    mine = me == 0 or all(file.info.st_uid == me for file in wrong)
    return (Remedy.CHMOD if mine else Remedy.CHMOD_AS_ROOT).of(command=command)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
