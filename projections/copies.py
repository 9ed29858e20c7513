"""Files given as copies of a log: whether they are, and which events only they have."""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from journal.engines.files.ends import header_of
from journal.engines.files.storage import Storage, chunks
from journal.errors import DamagedError, StateValueError
from journal.events import Open
from journal.names import Paths
from journal.scan import Scanner
from projections.doctor.finding import shell, shown


class _End(NamedTuple):
    """The last intact event in a file. `has_ours`: it also has the last event of the log."""

    seq: int
    hash: str
    has_ours: bool


class Copies:
    """The files given as copies of one session's log.

    Raises `StateValueError` if one is not a copy, and `DamagedError` if the log itself is gone
    or empty, with the command that brings it back. Reads first lines only.
    """

    def __init__(self, storage: Storage, paths: Paths, copies: Sequence[str]) -> None:
        self._storage = storage
        self._paths = paths
        self._copies = copies
        ours = self._header(paths.log) if self._is_there() else None
        for path in copies:
            self._check(path, ours)
        if not self._is_there():
            raise DamagedError(
                f"session {paths.session_id!r}: its log is gone or empty, and --restore puts "
                f"events into a log. {self._how(copies[0])}"
            )

    def _is_there(self) -> bool:
        try:
            return os.stat(self._paths.log).st_size > 0
        except FileNotFoundError:
            return False

    def _check(self, path: str, ours: Open | None) -> None:
        if self._is_there() and os.path.samefile(path, self._paths.log):
            raise StateValueError(f"--from {shown(path)} is the log itself, not a copy of it")
        theirs = self._header(path)
        same = theirs is not None and theirs.session_id == self._paths.session_id
        if not same or (ours is not None and theirs is not None and theirs.log_id != ours.log_id):
            raise StateValueError(
                f"--from {shown(path)} is not a copy of this log: it does not begin with "
                "the log's header"
            )

    def _header(self, path: str) -> Open | None:
        return header_of(self._pieces(path))

    def _pieces(self, path: str) -> Iterator[bytes]:
        fd = self._storage.open(path, os.O_RDONLY)
        try:
            yield from chunks(self._storage, fd, 0, self._storage.size(fd))
        finally:
            self._storage.close(fd)

    def _end(self, path: str, ours: str) -> _End:
        last, has_ours = (0, ""), False
        for event in Scanner().read(self._pieces(path)):
            last = (event.seq, event.hash)
            has_ours = has_ours or event.hash == ours
        return _End(*last, has_ours)

    def left(self) -> list[str]:
        """What they have and the log still lacks, in words. Reads all of them, and the log."""
        log = self._end(self._paths.log, "")
        lines = []
        for path in self._copies:
            copy = self._end(path, log.hash)
            if log.hash and not copy.has_ours:
                continue  # the log has gone on since: the copy must not take its place
            lacking = []
            if self._header(self._paths.log) is None:
                lacking.append("the header")
            if copy.seq > log.seq:
                lacking.append(_events(log.seq + 1, copy.seq))
            if lacking:
                lines.append(
                    f"{' and '.join(lacking)}: whole in {shown(path)}, but --restore puts back "
                    f"only events between others. {self._how(path)}"
                )
        return lines

    def _how(self, path: str) -> str:
        command = shell("cp", "-p", "--", path, self._paths.log)
        return f"To bring back the whole file, copy it while nobody writes: {command}"


def _events(first: int, last: int) -> str:
    return f"event {first}" if first == last else f"events {first} to {last}"
