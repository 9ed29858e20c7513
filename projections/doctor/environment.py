"""What the journal relies on: the file system, the room on it, the clock."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from projections.doctor.finding import Finding, of_path
from projections.doctor.findings import Findings
from projections.doctor.folder import Ends
from projections.doctor.remedies import Remedy

MOUNTS = "/proc/self/mountinfo"

_NETWORK = frozenset(
    ("9p", "afs", "beegfs", "ceph", "cifs", "davfs", "gfs2", "glusterfs", "gpfs", "lustre")
) | {"ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs", "vboxsf"}
_LOCAL_FUSE = frozenset(("fuse", "fuseblk", "fuse.ext2", "fuse.ntfs-3g", "fuse.fuse-overlayfs"))
_MOUNT_POINT = 4  # which field of a line of mountinfo
_LEAST_FREE = 100_000_000  # bytes
_LEAST_SHARE = 0.05
_TOLERANCE = timedelta(minutes=1)


def check_environment(folder: str, mounts: str) -> Iterator[Finding]:
    """The file system of the folder. If the table of mounts is unreadable, only its room."""
    kind = file_system_of(os.path.realpath(folder), mounts)
    if kind is not None and _is_remote(kind):
        yield of_path(
            "warning",
            "file-system",
            folder,
            f"is on {kind}, where locks and renames may not do what the journal relies on",
            Remedy.MOVE_FOLDER.of(),
        )
    room = os.statvfs(folder)
    free, total = room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize
    if free < max(_LEAST_FREE, _LEAST_SHARE * total):
        yield of_path(
            "warning",
            "disk",
            folder,
            f"the disk is nearly full: {free:,} of {total:,} bytes are free",
            Remedy.MAKE_ROOM.of(),
        )


def _is_remote(kind: str) -> bool:
    return kind in _NETWORK or (kind.startswith("fuse") and kind not in _LOCAL_FUSE)


def file_system_of(path: str, mounts: str) -> str | None:
    """The type of the file system that an absolute path is on, links resolved."""
    try:
        with open(mounts, "rb") as file:
            lines = file.read().splitlines()
    except OSError:
        return None
    best: tuple[int, str] | None = None
    for line in lines:
        before, _, after = line.partition(b" - ")
        fields = before.split(b" ")
        if len(fields) <= _MOUNT_POINT or not after:
            continue
        point = re.sub(rb"\\([0-7]{3})", _octal, fields[_MOUNT_POINT])
        if _is_below(os.fsencode(path), point) and (best is None or len(point) >= best[0]):
            best = len(point), after.split(b" ")[0].decode()  # a later mount hides an earlier
    return best[1] if best is not None else None


def _octal(found: "re.Match[bytes]") -> bytes:
    return bytes([int(found.group(1), 8) & 0xFF])


def _is_below(path: bytes, point: bytes) -> bool:
    return path == point or path.startswith(point.rstrip(b"/") + b"/")


def check_clock(findings: Findings, ends: Ends) -> Iterator[Finding]:
    """Whether a log's newest event is later than now."""
    last = ends.last
    limit = (datetime.now(UTC) + _TOLERANCE).isoformat(timespec="microseconds")
    ts = last.ts if last is not None else ""
    if ts > limit:
        yield findings.make(
            "warning",
            "clock",
            findings.inventory.paths.log,
            f"the newest line is of {ts}, which is in the future: the clock was or is wrong",
            Remedy.CHECK_CLOCK.of(),
            seq=getattr(last, "seq", None),
        )
