"""Disks of a test's own: one whose power can be cut, and a tiny one that is soon full."""

import fcntl
import os
import re
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.support import needs

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
_NO_FLUSH = 2  # not even what is in the file system's journal: as when the power goes
_IMAGE_BYTES = 128 << 20  # sparse
_PATIENCE = 60.0  # seconds
_FORBIDDEN = re.compile(
    r"permission denied|not permitted|superuser|setup loop device|unused loop device"
)


def _run(*command: str) -> str:
    """A command that must succeed, unless this machine allows no mounting: then skip."""
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode and _FORBIDDEN.search(result.stderr):
        pytest.skip(f"mounting is not permitted here: {result.stderr.strip()}")
    assert result.returncode == 0, f"{command}: {result.stderr}"
    return result.stdout


class Ext4:
    """A real file system, in a file that is mounted at `folder`."""

    def __init__(self, place: Path) -> None:
        self._image = place / "image"
        self.folder = place / "mounted"
        self.folder.mkdir(parents=True)
        with self._image.open("wb") as file:
            file.truncate(_IMAGE_BYTES)
        _run("mkfs.ext4", "-q", "-F", str(self._image))

    def plug_in(self) -> None:
        """Mount it; what a cut left is mended as after a real one."""
        _run("mount", "-o", "loop", str(self._image), str(self.folder))

    def cut_power(self) -> None:
        """From now on nothing reaches the disk, and every call there fails."""
        fd = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _SHUTDOWN, struct.pack("I", _NO_FLUSH))
        finally:
            os.close(fd)

    def unplug(self) -> None:
        """Unmount it, everywhere: a process with mounts of its own may have it too.

        Mounted again before that, it would still be the one without power.
        """
        _run("umount", str(self.folder))
        deadline = time.monotonic() + _PATIENCE
        while _run("losetup", "--associated", str(self._image)):
            assert time.monotonic() < deadline, "another process has the disk mounted"
            time.sleep(0.01)

    def throw_away(self) -> None:
        """Whatever state it is in, and even if a failed test has files open there."""
        subprocess.run(["umount", "--lazy", str(self.folder)], capture_output=True)
        self._image.unlink()


@contextmanager
def ext4(place: Path) -> Iterator[Ext4]:
    """A disk, plugged in. Skips where only root may mount, or not even root."""
    if os.geteuid() != 0:
        pytest.skip("mounting is not permitted here: it needs root")
    needs("mkfs.ext4")
    disk = Ext4(place)
    try:
        disk.plug_in()
        yield disk
    finally:
        disk.throw_away()


PAGE = os.sysconf("SC_PAGE_SIZE")
"""Bytes by which a tiny disk fills up."""


class TinyDisk:
    """A tmpfs of few pages. `fill` leaves so many of them free, `free` gives the rest back."""

    def __init__(self, root: Path, mounted_by: Callable[[str], None]) -> None:
        self._root = root
        self._mounted_by = mounted_by
        self.folder = root / "sessions"
        self._filler = root / "filler"

    def fill(self, spare: int = 0) -> None:
        with self._filler.open("wb", buffering=0) as file:
            for _ in range(self._pages_free() - spare):
                assert file.write(bytes(PAGE)) == PAGE
        assert self._pages_free() == spare

    def free(self) -> None:
        self._filler.unlink()

    def make_read_only(self) -> None:
        self._mounted_by("mount -o remount,ro")

    def _pages_free(self) -> int:
        return os.statvfs(self._root).f_bfree


@contextmanager
def _mounted(place: Path, script: str, *words: str) -> Iterator["tuple[Path, Mounted]"]:
    """A mount namespace of its own, which a process holds for us, after `script` has run in it.

    `place` is `$1` there. We reach it through /proc. So it takes no root, and is gone with that
    process. What is unmounted elsewhere is so there too.
    """
    needs("unshare")
    namespace = "-m" if os.geteuid() == 0 else "-rm"
    place.mkdir()
    hold = f"{script} && echo mounted && exec sh"
    holder = subprocess.Popen(
        [
            "unshare",
            namespace,
            "--propagation",
            "slave",
            "sh",
            "-c",
            hold,
            "sh",
            str(place),
            *words,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with holder:
        try:
            assert holder.stdout is not None
            assert holder.stderr is not None
            if holder.stdout.readline() != "mounted\n":
                error = holder.stderr.read()
                assert _FORBIDDEN.search(error.lower()), error
                pytest.skip(f"mounting is not permitted here: {error.strip()}")

            def run_there(command: str) -> None:
                assert holder.stdin is not None
                assert holder.stdout is not None
                holder.stdin.write(f"{command} '{place}' && echo done\n")
                holder.stdin.flush()
                assert holder.stdout.readline() == "done\n"

            yield Path(f"/proc/{holder.pid}/root{place.resolve()}"), run_there
        finally:
            holder.kill()


Mounted: TypeAlias = Callable[[str], None]
"""Runs a command in the namespace."""


@contextmanager
def tiny_disk(place: Path, pages: int) -> Iterator[TinyDisk]:
    """A disk that is soon full, for which no root is needed."""
    script = 'mount -t tmpfs -o size="$2" tmpfs "$1"'
    with _mounted(place, script, str(pages * PAGE)) as (root, run_there):
        yield TinyDisk(root, run_there)


_OVERLAY = """
mount -t tmpfs tmpfs "$1" && mkdir "$1/lower" "$1/upper" "$1/work" "$1/merged" &&
if test "$3" = same; then cp -a "$2/." "$1/lower"; else mount --bind "$2" "$1/lower"; fi &&
mount -t overlay -o lowerdir="$1/lower,upperdir=$1/upper,workdir=$1/work" overlay "$1/merged"
"""


@contextmanager
def overlay(place: Path, lower: Path, *, same_device: bool) -> Iterator[tuple[Path, Path]]:
    """`lower` with an overlay: where to read and write it, and what was copied up from it.

    Files keep their inode numbers when they are copied up only on the `same_device`.
    """
    where = "same" if same_device else "other"
    with _mounted(place, _OVERLAY.strip(), str(lower), where) as (root, _):
        yield root / "merged", root / "upper"
