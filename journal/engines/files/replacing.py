"""Putting a new file in the place of a log, while others write: the steps under the lock.

Seal the old log, link it into the archive, rename the new one over it, sync the folders. Killed
anywhere, the path leads to the old log or to the new one. The new file is the scratch file: it
stays locked until the rename is on the disk, so that no writer acknowledges anything in a file
that a power cut could still take away.
"""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from journal.engines.files.deletion import names_in_archive
from journal.engines.files.logfile import LogFile
from journal.engines.files.recovery import cut_torn_tail
from journal.engines.files.sealing import check_can_be_cut, seal, take_back, unseal
from journal.engines.files.segment import Segment
from journal.engines.files.snapshot import remove_snapshot
from journal.engines.files.storage import write_all
from journal.errors import CompactionAbandonedError, StorageError
from journal.names import TORN_SUFFIX, Paths, unfinished
from journal.waiting import attempts

_CLOSE_ENOUGH = 1 << 16  # bytes left to copy with the lock held, if they get that few …
_MUCH = 1 << 18  # … and so many for which it is let go again


def changed_error(paths: Paths) -> CompactionAbandonedError:
    """The log is not any more what was read."""
    return CompactionAbandonedError(
        f"session {paths.session_id!r}: the log was replaced or cut while it was "
        "compacted; it is as it was. Run the compaction again"
    )


def asking(pieces: Iterable[bytes], check: Callable[[], object]) -> Iterator[bytes]:
    """The pieces, with a call of `check` before each, which may raise."""
    for data in pieces:
        check()
        yield data


class Replacement:
    """`new` is to take the place of `old`, and has all that `old` was read to.

    `check` is called after every few bytes, until the old log is being sealed; when it raises,
    the log is as it was.
    """

    def __init__(
        self,
        old: Segment,
        new: LogFile,
        writer: str,
        check: Callable[[], None],
        rewrite: Callable[[Iterable[bytes]], Iterable[bytes]] = iter,
        cut_tail: Callable[[Segment], object] = cut_torn_tail,
    ) -> None:
        """`rewrite` makes of the pieces of lines those that the new file gets.

        `cut_tail` cuts off the old file what stands after the last intact line.
        """
        self._rewrite = rewrite
        self._cut_tail = cut_tail
        self._old = old
        self._new = new
        self._writer = writer
        self._check = check
        self._storage = old.storage
        self._left: list[str] = []  # paths of what crashes left in the archive

    def list_archive(self) -> Sequence[str]:
        """The names of the session's files in the archive, before the log's lock is taken.

        Notes those that crashes left there: names of the log itself, of a compaction that did
        not finish, and unfinished copies of torn tails, of a repair. As long as we have the
        scratch file, nobody else gives the log another name.
        """
        archive = self._old.paths.archive
        names = names_in_archive(self._storage, self._old.paths)
        paths = [os.path.join(archive, name) for name in names]
        self._left = [path for path in paths if self._is_left(path)]
        return names

    def _is_left(self, path: str) -> bool:
        is_copy = path.endswith(unfinished(TORN_SUFFIX))
        return is_copy or self._storage.find(path) == self._old.file.id

    def catch_up(self) -> None:
        """Copy what is appended meanwhile, and sync it: little is left to do with the lock."""
        self._come_near()
        self._storage.sync(self._new.fd)
        self._storage.sync(self._old.file.fd)

    def _come_near(self) -> None:
        """Until little is left, or hardly less than before: writers may be as quick as we."""
        before: float = math.inf
        while _CLOSE_ENOUGH < (left := self._behind()) < before:
            self._copy(self._check)
            before = left / 2

    def _behind(self) -> int:
        return self._old.file.size() - self._old.scanner.end

    def _copy(self, check: Callable[[], object] = lambda: None) -> None:
        """Append the old file's intact lines since the last copy to the new file."""
        old, scanner = self._old, self._old.scanner
        copied, damage = scanner.end, scanner.damage_count
        scanner.rewind()
        for _ in scanner.read(old.slices(old.file.size(), check)):
            pass
        if scanner.damage_count > damage:
            raise changed_error(old.paths)
        for data in asking(self._rewrite(old.pieces(copied, scanner.end)), check):
            write_all(self._storage, self._new.fd, data)

    def lock(self, timeout: float) -> None:
        """Take the lock between processes. Raises `LockTimeoutError`.

        If others have appended much until it is ours, it is let go to copy that first, as long
        as that makes it less: writers that are quicker than we have to wait in the end.
        """
        file, before = self._old.file, math.inf
        for _ in attempts(timeout, file.path):
            self._check()
            while file.try_lock():
                left = self._behind()
                if left <= _MUCH or left >= before:
                    return
                before = left / 2
                file.unlock()
                self._come_near()

    def swap(self, archive: str | None) -> None:
        """With both locks held: let the new file take the old one's place.

        The old one goes to the path `archive`; None: it goes for good.
        """
        storage, old, scanner = self._storage, self._old, self._old.scanner
        if not (old.file.is_current() and old.is_in_step()):
            raise changed_error(old.paths)
        self._check_can_go_back()
        self._copy()
        if scanner.seal is not None:
            if scanner.seal.reason == "deleted":
                raise changed_error(old.paths)
            unseal(old)
        self._cut_tail(old)
        remove_snapshot(storage, old.paths)  # it holds what is not to be in the log any more
        storage.sync(self._new.fd)
        seal(old, reason="compacted", writer=self._writer)
        try:
            self._remove_left()
            if archive is not None:
                self._link(archive)
            storage.rename(self._new.path, old.paths.log)
        except BaseException:
            if old.file.is_current():  # an interrupt may come when the rename is already done
                take_back(old)
                self._unlink(archive)
            raise
        self._finish_rename()

    def _check_can_go_back(self) -> None:
        """Before anything is sealed, with the lock held. Raises `StorageError`."""
        paths = self._old.paths
        try:
            check_can_be_cut(self._old)
        except OSError as error:
            raise StorageError(
                error.errno,
                f"session {paths.session_id!r}: {paths.log}: cannot be compacted, as the "
                f"file cannot be cut ({error.strerror}): there would be no way back. The log is "
                "as it was. If it is append-only (see lsattr), take that off (chattr -a), or "
                "switch auto_compact off",
            ) from error

    def _remove_left(self) -> None:
        for path in self._left:
            try:
                self._storage.unlink(path)
            except FileNotFoundError:
                pass  # a repair has finished since, or a packing has tidied up

    def _link(self, archive: str) -> None:
        """Give the old log its name in the archive. Fails if that is taken."""
        self._storage.link(self._old.file.path, archive)
        self._storage.sync_folder(self._old.paths.archive)

    def _unlink(self, archive: str | None) -> None:
        if archive is not None and self._storage.find(archive) == self._old.file.id:
            self._storage.unlink(archive)

    def _finish_rename(self) -> None:
        """Remove the snapshot that somebody may have written just before, and sync.

        Who writes one after the rename notices that it is of another file.
        """
        paths = self._old.paths
        try:
            self._storage.sync_folder(paths.folder)
            remove_snapshot(self._storage, paths)
        except OSError as error:
            raise StorageError(
                error.errno,
                f"session {paths.session_id!r}: was compacted, but the folder could not "
                f"be synced ({error.strerror}): after a power cut it may be as it was before",
            ) from error
