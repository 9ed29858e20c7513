"""Disks, file systems and folders elsewhere."""

import os
from pathlib import Path

import pytest

from projections.doctor import environment
from tests.projections.doctor.examined import findings, follow, kinds
from tests.projections.doctor.faults import (
    W,
    healthy,
)


class TestSurroundings:
    def test_a_network_file_system_is_found_by_the_longest_mount_point(
        self, tmp_path: Path
    ) -> None:
        escaped = str(tmp_path / "net work").replace(" ", "\\040")
        (tmp_path / "mounts").write_text(
            "22 1 8:1 / / rw - ext4 /dev/sda rw\n"
            f"23 22 0:5 / {escaped} rw,relatime shared:1 - nfs4 server:/x rw\n"
            f"24 23 0:6 / {escaped}/local rw - tmpfs tmpfs rw\n"
            "garbage\n"
        )
        for name, expected in (
            ("net work", {(W, "file-system")}),
            ("net work/local", set()),
            ("net workshop", set()),
        ):
            folder = tmp_path / name
            folder.mkdir(0o700)
            assert kinds(findings(folder, mounts=str(tmp_path / "mounts"))) == expected, name

    def test_a_mount_over_another_hides_it(self, tmp_path: Path) -> None:
        mounts = tmp_path / "mounts"
        mounts.write_text("1 1 8:1 / / rw - nfs4 s:/ rw\n2 1 8:1 / / rw - ext4 /dev/sda rw\n")
        assert environment.file_system_of(str(tmp_path), str(mounts)) == "ext4"

    def test_without_a_table_of_mounts_nothing_is_said(self, tmp_path: Path) -> None:
        assert findings(tmp_path, mounts=str(tmp_path / "none")) == []

    @pytest.mark.parametrize(
        ("kind", "remote"),
        [("fuse.sshfs", True), ("fuseblk", False), ("nfs4", True), ("xfs", False)],
    )
    def test_which_file_systems_are_remote(self, kind: str, remote: bool) -> None:
        assert environment._is_remote(kind) is remote

    @pytest.mark.parametrize(
        ("free", "total", "expected"),
        [(50, 100, True), (4_000, 100_000, True), (6_000, 100_000, False), (99, 200, True)],
    )
    def test_a_full_disk_is_found(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        free: int,
        total: int,
        expected: bool,
    ) -> None:
        """In millions of bytes."""
        monkeypatch.undo()

        class Room:
            f_frsize, f_bavail, f_blocks = 1000, free * 1000, total * 1000

        monkeypatch.setattr(os, "statvfs", lambda path: Room)
        found = findings(tmp_path, mounts="/dev/null")
        assert kinds(found) == ({(W, "disk")} if expected else set())

    def test_an_archive_elsewhere_is_found(self, tmp_path: Path) -> None:
        healthy(tmp_path / "s")
        (tmp_path / "s" / "archive").rename(tmp_path / "elsewhere")
        (tmp_path / "s" / "archive").symlink_to(tmp_path / "elsewhere")
        (finding,) = findings(tmp_path / "s")
        assert finding.kind == "not-a-file"
        follow([finding])
        assert findings(tmp_path / "s") == []
