"""Disks in memory that can be copied, and made of whatever a crash has left."""

import hashlib
from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

from journal.engines.memory import MemoryStorage, _Node


class Stored(NamedTuple):
    """One name of a file: two names of one file have the same inode."""

    path: str
    inode: int
    data: bytes
    modified: float


def disk_with(files: Iterable[Stored]) -> MemoryStorage:
    """A disk that holds these files, with nothing open."""
    disk = MemoryStorage()
    nodes: dict[int, _Node] = {}
    for path, inode, data, modified in files:
        node = nodes.setdefault(inode, _Node(inode, data=bytearray(data), modified=modified))
        disk._name(path, node)
    disk._numbers = count(max(nodes, default=0) + 1)
    return disk


def digest_of(disk: MemoryStorage) -> bytes:
    """A hash of all that a process can find on it: names, which of them are one file, bytes."""
    files = [(path, min(node.paths), node.data) for path, node in disk._files.items()]
    return hashlib.sha256(repr(sorted(files)).encode()).digest()


def copy_of(disk: MemoryStorage) -> MemoryStorage:
    """The same files on another disk, as after a restart."""
    return disk_with(
        Stored(path, node.inode, bytes(node.data), node.modified)
        for path, node in disk._files.items()
    )
