"""Makes files of keys, for their owner only."""

import os

from journal.encryption.keys import as_text, key_id, new_key, read_keys
from journal.errors import EncryptionSettingError

_COMMENT = "# Keys of the runtime journal: the first encrypts. Whoever has them reads all states."


def add_key(path: str) -> str:
    """Put a new key before those in a file, which is made if there is none. Returns its id.

    The file is as before or as after, whenever the process dies, and synced. Raises
    `EncryptionSettingError`.
    """
    key = new_key()
    lines = [_COMMENT]
    if os.path.lexists(path):
        read_keys(path)  # raises for what is no file of keys
        with open(path, encoding="ascii") as file:
            lines = file.read().splitlines()
    at = next((n for n, line in enumerate(lines) if line and line[0] != "#"), len(lines))
    try:
        _write(os.path.realpath(path), "\n".join([*lines[:at], as_text(key), *lines[at:], ""]))
    except OSError as error:
        raise EncryptionSettingError(
            f"the key file {path} cannot be written: {error.strerror}; it is as it was"
        ) from None
    return key_id(key)


def _write(path: str, text: str) -> None:
    scratch = f"{path}.{os.urandom(4).hex()}"
    fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(fd, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(fd)
        os.rename(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
