"""What the files and folders of a log may be used for, and by whom."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journal.engines.files.modes import is_shared, make_shared_folder, open_shared, restrict
from projections import DefaultSessionStore
from tests.support import finish_maintenance

MAKE = os.O_RDWR | os.O_CREAT


@pytest.fixture(autouse=True)
def _strict_umask() -> Iterator[None]:
    """What is the group's is so whatever the process lets its own files be."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o2770)
    return folder


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def make(path: Path, flags: int = MAKE) -> int:
    """The mode that a file has which is opened there."""
    fd = open_shared(str(path), flags)
    try:
        return stat.S_IMODE(os.fstat(fd).st_mode)
    finally:
        os.close(fd)


def raising(error: OSError, before: Callable[[], object] = lambda: None) -> Callable[..., None]:
    """A call of the system that fails after something has happened."""

    def call(*args: object, **options: object) -> None:
        before()
        raise error

    return call


def test_in_a_shared_folder_everything_is_the_groups(shared: Path) -> None:
    with DefaultSessionStore(shared, durability="os") as store:
        for number in range(3):
            store.set_runtime_state("s", "native", "t", {"n": number})
        store.compact("s")
        finish_maintenance(store)
    found = list(shared.rglob("*"))
    assert {path.name for path in found} >= {"s.jsonl", "s.json", "archive"}
    for path in found:
        assert mode_of(path) == (0o2770 if path.is_dir() else 0o660), path


def test_only_what_is_setgid_and_group_writable_is_shared(shared: Path) -> None:
    assert is_shared(str(shared))
    for mode in (0o770, 0o2750, 0o700):
        shared.chmod(mode)
        assert not is_shared(str(shared))
    assert not is_shared(str(shared / "nothing"))


def test_a_file_that_is_there_is_opened_as_it_is(shared: Path) -> None:
    (shared / "s").write_text("theirs")
    assert make(shared / "s") == 0o600
    with pytest.raises(FileExistsError):
        make(shared / "s", MAKE | os.O_EXCL)


def test_whoever_makes_the_file_first_has_made_it(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shared / "s"
    quicker = raising(FileExistsError(errno.EEXIST, "there"), lambda: path.write_text("theirs"))
    monkeypatch.setattr(os, "link", quicker)
    make(path)
    assert path.read_text() == "theirs"
    path.unlink()
    with pytest.raises(FileExistsError):
        make(path, MAKE | os.O_EXCL)


def test_a_file_system_without_nameless_files_will_do(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", raising(OSError(errno.EOPNOTSUPP, "no such files here")))
    assert make(shared / "s") == 0o660


def test_a_shared_folder_is_made_once(shared: Path) -> None:
    for _ in range(2):
        make_shared_folder(str(shared / "archive"))
    assert mode_of(shared / "archive") == 0o2770
    assert os.listdir(shared) == ["archive"]


def test_a_link_in_place_of_a_shared_folder_is_refused(shared: Path, tmp_path: Path) -> None:
    (shared / "archive").symlink_to(tmp_path)
    with pytest.raises(OSError, match="symbolic link") as raised:
        make_shared_folder(str(shared / "archive"))
    assert raised.value.errno == errno.ELOOP


@pytest.mark.parametrize("number", [errno.ENOTEMPTY, errno.EACCES])
def test_whoever_makes_the_folder_first_has_made_it(
    number: int, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shared / "archive"
    monkeypatch.setattr(os, "rename", raising(OSError(number, "no"), folder.mkdir))
    if number == errno.ENOTEMPTY:
        make_shared_folder(str(folder))
    else:
        with pytest.raises(PermissionError):
            make_shared_folder(str(folder))
    assert os.listdir(shared) == ["archive"], "nothing else is left"


def test_a_pipe_in_place_of_a_file_is_refused_and_closed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    fd = os.open(tmp_path / "pipe", os.O_RDWR)
    with pytest.raises(OSError, match="not a regular file"):
        restrict(fd, 0o600)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
