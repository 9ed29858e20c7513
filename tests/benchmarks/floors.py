"""Less than any contender has to do: `os.write` of a line as long as ours."""

import os


class RawWrite:
    """One write for each line, and `fdatasync` if asked for."""

    def __init__(self, folder: str, *, sync: bool) -> None:
        os.makedirs(folder)
        self._fd = os.open(f"{folder}/raw", os.O_RDWR | os.O_APPEND | os.O_CREAT)
        self._sync = sync

    def write(self, line: bytes) -> None:
        os.write(self._fd, line)
        if self._sync:
            os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)
