"""Who may read and write what the journal makes.

Nobody but its owner: folders have mode 0700, files 0600, whatever the umask. Unless the
owner of a folder shares it with a group, by making it group-writable and setgid: what is
made in it then has mode 0660, folders 02770.
"""

import errno
import os
import stat

from journal.names import unfinished

PRIVATE = stat.S_IFREG | 0o600
"""What `stat` says of a file that is ours alone."""


def restrict(fd: int, mode: int) -> None:
    """Give a file that we just made its mode whatever the umask was.

    A file that was there before, or is another user's, keeps the mode it has. Raises OSError
    for a pipe or a device that somebody put there: it is not to be written into.
    """
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file")
    if found.st_size == 0 and found.st_uid == os.geteuid():
        os.fchmod(fd, mode)


_SHARED = stat.S_ISGID | stat.S_IWGRP


def is_shared(folder: str) -> bool:
    """Whether the owner of a folder shares it with a group: it is group-writable and setgid.

    The kernel gives everything that is made in it the folder's group.
    """
    try:
        return os.stat(folder or ".").st_mode & _SHARED == _SHARED
    except OSError:
        return False  # what is done in it next says why better


def open_shared(path: str, flags: int) -> int:
    """Open or make a file of a group. OSError.

    Another user may open a new file as soon as it has its name. So it gets the name last: the
    umask, which belongs to the whole process, would keep the group out until the `fchmod`.
    """
    while True:
        if not flags & os.O_EXCL:
            try:
                fd = os.open(path, flags & ~os.O_CREAT)
                break
            except FileNotFoundError:
                pass
        try:
            return _make_shared(path, flags)
        except FileExistsError:
            if flags & os.O_EXCL:
                raise
            # else somebody was quicker
        except OSError:  # there are file systems without files that have no name
            fd = os.open(path, flags, 0o660)
            break
    restrict(fd, 0o660)
    return fd


def _make_shared(path: str, flags: int) -> int:
    flags = flags & ~(os.O_CREAT | os.O_EXCL | os.O_TRUNC | os.O_NOFOLLOW) | os.O_TMPFILE
    fd = os.open(os.path.dirname(path) or ".", flags, 0o600)
    try:
        os.fchmod(fd, 0o660)
        # Python follows the link only if it is given a folder, which a whole path does not use.
        os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=fd, follow_symlinks=True)
    except BaseException:
        os.close(fd)
        raise
    return fd


def make_shared_folder(path: str) -> None:
    """As for files: it gets its name when the group may write to it."""
    if os.path.lexists(path):
        refuse_link(path)
        return
    unnamed = unfinished(f"{path}.{os.getpid()}-{os.urandom(4).hex()}")
    os.mkdir(unnamed, 0o700)
    os.chmod(unnamed, 0o2770)  # noqa: S103 - the owner of the folder wants it
    try:
        os.rename(unnamed, path)
    except OSError as error:
        os.rmdir(unnamed)
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def refuse_link(path: str) -> None:
    """OSError for a link where a folder should be."""
    if os.path.islink(path):
        raise OSError(errno.ELOOP, f"{path} is a symbolic link, which the journal does not follow")
