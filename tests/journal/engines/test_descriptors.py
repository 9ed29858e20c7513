"""What cannot be opened leaves no descriptor behind: a program that tries again would run out."""

import errno
import os
from pathlib import Path

import pytest

from journal.engines.files.modes import open_shared
from tests.support import files_in


@pytest.mark.parametrize("number", [errno.EEXIST, errno.EPERM, errno.ENOSPC])
def test_a_shared_file_that_gets_no_name_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    before = set(os.listdir("/proc/self/fd"))
    for attempt in range(3):
        path = tmp_path / str(attempt)
        if number == errno.EEXIST:
            with pytest.raises(FileExistsError):
                open_shared(str(path), os.O_RDWR | os.O_CREAT | os.O_EXCL)
        else:  # there are file systems that cannot name a file afterwards
            os.close(open_shared(str(path), os.O_RDWR | os.O_CREAT))
    assert set(os.listdir("/proc/self/fd")) == before
    assert files_in(tmp_path) == (set() if number == errno.EEXIST else {"0", "1", "2"})
