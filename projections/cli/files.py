"""Files that appear when they are complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from journal.errors import JournalError
from journal.names import unfinished


@contextmanager
def replacing(path: str, *, durable: bool) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when it is complete: whole or not at all.

    Its mode is 0600, whatever the umask and the mode of a file that was there. A link at `path`
    is replaced, not followed. Until it is complete, the file has a random name, so no other
    file is touched. Removed on any error, Ctrl-C included. Raises OSError naming `path`.
    """
    scratch = unfinished(os.path.join(os.path.dirname(path), f".journal-{os.urandom(8).hex()}"))
    try:
        fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(fd, "wb") as file:
                os.fchmod(fd, 0o600)
                yield file
                file.flush()
                if durable:
                    os.fsync(fd)
            os.replace(scratch, path)
        except BaseException:
            _remove(scratch)
            raise
    except OSError as error:
        if isinstance(error, JournalError) or error.filename not in (None, scratch):
            raise  # it is about another file, which was read meanwhile
        raise OSError(error.errno, error.strerror, path) from error


def _remove(scratch: str) -> None:
    try:
        os.unlink(scratch)
    except FileNotFoundError:
        pass  # we were interrupted after it had taken its place
