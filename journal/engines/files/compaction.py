"""Compaction: which events live, and the rewrite of a log with only those.

1. Without the log's lock: find what lives, write it to a scratch file, sync, read it
   back and prove that it folds to the same turns; then copy what was appended since.
2. With the lock: copy the last bytes, sync both, seal the old log, link it into the
   archive, rename the new one over it, sync the folders.

Killed anywhere, the path leads to the old log or to the new one. The scratch file is
also the lock against a second compactor: whoever holds its `flock` owns it, and keeps
holding it until the rename is on the disk, so that no writer acknowledges anything in
a file that a power cut could still take away.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import count
from typing import NamedTuple

from journal.backend import CompactionReport, History
from journal.codec import FORMAT, Clock, control_line, default_writer, digest_of
from journal.engines.files.deletion import is_evidence, names_in_archive, remove_from_archive
from journal.engines.files.logfile import LogFile
from journal.engines.files.recovery import (
    cut_torn_tail,
    discard,
    is_still_there,
    open_scratch,
)
from journal.engines.files.sealing import check_can_be_cut, seal, take_back, unseal
from journal.engines.files.storage import CHUNK, Storage, chunks, write_all
from journal.engines.files.validation import check_session, newer_format_error
from journal.errors import (
    CompactionAbandonedError,
    CompactionError,
    JournalError,
    StorageError,
)
from journal.events import Clear, Event, Open, Set
from journal.fold import apply
from journal.names import TORN_SUFFIX, Paths, packed, unfinished
from journal.scan import Scanner
from journal.waiting import attempts

_CLOSE_ENOUGH = 1 << 16  # bytes left to copy with the lock held
_MOST_ROUNDS = 20


class Kept(NamedTuple):
    """Where in the old file a line is that lives on."""

    offset: int
    length: int
    seq: int
    hash: str


class Living:
    """What compaction keeps: the last set of each live turn, handoffs, unknown ops."""

    def __init__(self) -> None:
        self.turns: dict[str, dict[str, Kept]] = {}
        self.others: list[Kept] = []
        self.deleted = False  # the log ends in the seal of a deletion

    def take(self, event: Event, place: Kept) -> None:
        if isinstance(event, Set | Clear):
            apply(self.turns, event, place)
        else:
            self.others.append(place)

    def lines(self) -> Iterator[Kept]:
        """In the order they are written: others by seq, then turns as in the view."""
        yield from sorted(self.others, key=lambda kept: kept.seq)
        for turns in self.turns.values():
            yield from turns.values()

    def outcome(self) -> list[tuple[str, str, int, str]]:
        """What the log folds to, each state by the hash of its line."""
        return [
            (runtime, turn, kept.seq, kept.hash)
            for runtime, turns in self.turns.items()
            for turn, kept in turns.items()
        ]


def scan_living(pieces: Iterator[bytes], scanner: Scanner) -> Living:
    """Fold the pieces of a file, which begin where `scanner` is."""
    living = Living()
    for event in scanner.read(pieces):
        length = scanner.end - scanner.start
        living.take(event, Kept(scanner.start, length, event.seq, event.hash))
    living.deleted = scanner.seal is not None and scanner.seal.reason == "deleted"
    scanner.finish()  # what was kept is all there: a damaged one is not found later, in `_copy`
    return living


class Compaction:
    """One compaction of one session; `run` once."""

    def __init__(
        self,
        storage: Storage,
        paths: Paths,
        history: History,
        lock_timeout: float,
        writer: str,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """`stop` is asked after every few bytes; once it says True, nothing comes of it all.

        It is not asked any more once the old log is being sealed.
        """
        self._storage = storage
        self._paths = paths
        self._history = history
        self._lock_timeout = lock_timeout
        self._writer = writer
        self._stop = stop
        self._clock = Clock()
        self._scanner = Scanner()  # of the old file, as far as it is in the new one
        self._left: list[str] = []  # paths of what crashes left in the archive

    def run(self) -> CompactionReport | None:
        """Returns None when there is no such session.

        Raises `CompactionAbandonedError` when another compaction of it is under way, when the
        log was changed meanwhile, and when it was asked to stop; `CompactionError` when the
        disk does not give back what was written; `StorageError` when the operating system
        refuses. The log is then as it was.
        """
        try:
            old = LogFile(self._storage, self._paths.log, create=False, write=True)
        except FileNotFoundError:
            return None
        try:
            return self._rewrite(old)
        except OSError as error:
            if isinstance(error, JournalError):
                raise
            raise StorageError(
                error.errno,
                f"session {self._paths.session_id!r}: compaction failed ({error.strerror}); "
                "the log is as it was",
            ) from error
        finally:
            old.close()

    def _rewrite(self, old: LogFile) -> CompactionReport | None:
        if old.write_error is not None:
            raise old.write_error
        size = old.size()
        living = scan_living(self._pieces(old, 0, size), self._scanner)
        if living.deleted:
            return None
        if not self._is_worth_it(living):
            return self._nothing_done(size)
        new = open_scratch(self._storage, self._paths.scratch, self._refuse_a_second)
        try:
            if not old.is_current():  # another compaction was quicker
                raise self._changed_error()
            return self._write_new(old, new, living)
        except BaseException:
            discard(self._storage, new)
            raise
        finally:
            new.close()

    def _is_worth_it(self, living: Living) -> bool:
        """Whether anything is dead, or to be dropped. Refuses logs that are not ours."""
        scanner = self._scanner
        if scanner.newer_format is not None:
            raise newer_format_error(self._paths, scanner)
        check_session(self._paths, scanner.header)
        alive = sum(1 for _ in living.lines())
        header = scanner.header
        drops = self._history == "drop" and header is not None and header.archive is not None
        return drops or alive < scanner.count or scanner.damage_count > 0

    def _nothing_done(self, size: int) -> CompactionReport | None:
        scanner = self._scanner
        if scanner.header is None:  # nor any event: those without a header are damage
            return None
        return CompactionReport(
            session_id=self._paths.session_id,
            events_before=scanner.count,
            events_after=scanner.count,
            bytes_before=size,
            bytes_after=size,
            base_seq=scanner.header.base_seq,
            archive=None,
        )

    def _pieces(self, file: LogFile, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a file, as long as we are not asked to stop."""
        for data in chunks(self._storage, file.fd, start, end):
            self._go_on_or_raise()
            yield data

    def _go_on_or_raise(self) -> None:
        if self._stop():
            raise CompactionAbandonedError(
                f"session {self._paths.session_id!r}: its compaction was told to stop; the log "
                "is as it was. A later one does it"
            )

    def _refuse_a_second(self) -> None:
        raise CompactionAbandonedError(
            f"session {self._paths.session_id!r}: another compaction is under way; wait for it"
        )

    def _write_new(self, old: LogFile, new: LogFile, living: Living) -> CompactionReport:
        before, base_seq = self._scanner.count, self._scanner.seq
        damaged = self._scanner.damage_count > 0
        archive = None
        if self._history == "archive" or damaged:  # what was just found is evidence
            archive = self._free_archive_name(old, base_seq)
            self._storage.make_folder(self._paths.archive)
            self._storage.sync_folder(self._paths.folder)  # it must not come after the rename
        kept = list(living.lines())
        self._write_kept(old, new, kept, archive)
        self._prove(new, living)
        self._storage.sync(old.fd)
        archived = self._list_archive(old)
        self._catch_up(old, new)
        self._lock(old)
        self._swap(old, new, archive)
        if archive is None:
            history = [name for name in archived if not is_evidence(name)]
            remove_from_archive(self._storage, self._paths, history)
        appended = self._scanner.count - before
        return CompactionReport(
            session_id=self._paths.session_id,
            events_before=self._scanner.count,
            events_after=len(kept) + appended,
            bytes_before=self._scanner.end,
            bytes_after=new.size(),
            base_seq=base_seq,
            archive=archive,
        )

    def _write_kept(
        self, old: LogFile, new: LogFile, kept: list[Kept], archive: str | None
    ) -> None:
        header = control_line(self._new_header(kept, archive))
        buffer = bytearray(header)
        for place in kept:
            line = self._storage.read(old.fd, place.length, place.offset)
            buffer += line if line.endswith(b"\n") else line + b"\n"  # it was lost
            if len(buffer) >= CHUNK:
                self._go_on_or_raise()
                write_all(self._storage, new.fd, bytes(buffer))
                buffer.clear()
        write_all(self._storage, new.fd, bytes(buffer))
        self._storage.sync(new.fd)

    def _new_header(self, kept: list[Kept], archive: str | None) -> Open:
        scanner = self._scanner
        digest = sha256()
        for place in kept:
            digest.update(place.hash.encode())
        return Open(
            format=FORMAT,
            session_id=self._paths.session_id,
            log_id=scanner.header.log_id if scanner.header is not None else os.urandom(8).hex(),
            base_seq=scanner.seq,
            base_hash=scanner.hash,
            kept=len(kept),
            kept_digest=digest.hexdigest()[: len(digest_of(b""))],
            archive=os.path.basename(archive) if archive is not None else None,
            ts=self._clock.now(),
            writer=self._writer,
        )

    def _prove(self, new: LogFile, living: Living) -> None:
        """Read the new file back from the disk: it must fold to the very same turns."""
        check = Scanner()
        found = scan_living(self._pieces(new, 0, new.size()), check)
        others = [kept.hash for kept in found.others] == [
            kept.hash for kept in sorted(living.others, key=lambda kept: kept.seq)
        ]
        if check.damage or found.outcome() != living.outcome() or not others:
            raise CompactionError(
                f"session {self._paths.session_id!r}: what was written to {new.path} does not "
                "fold to the same turns as the log; the log is as it was. Check the disk"
            )

    def _catch_up(self, old: LogFile, new: LogFile) -> None:
        """Copy what is appended meanwhile until little is left to copy with the lock."""
        for _ in range(_MOST_ROUNDS):
            if old.size() - self._scanner.end <= _CLOSE_ENOUGH:
                break
            self._copy(old, new)
        self._storage.sync(new.fd)
        self._storage.sync(old.fd)

    def _copy(self, old: LogFile, new: LogFile) -> None:
        """Append the old file's intact lines since the last copy to the new file."""
        scanner = self._scanner
        copied, damage = scanner.end, scanner.damage_count
        scanner.rewind()
        for _ in scanner.read(self._pieces(old, scanner.end, old.size())):
            pass
        if scanner.damage_count > damage:
            raise self._changed_error()
        for data in self._pieces(old, copied, scanner.end):
            write_all(self._storage, new.fd, data)

    def _lock(self, old: LogFile) -> None:
        """Take the lock between processes. Raises `LockTimeoutError`."""
        for _ in attempts(self._lock_timeout, old.path):
            self._go_on_or_raise()
            if old.try_lock():
                return

    def _changed_error(self) -> CompactionError:
        return CompactionAbandonedError(
            f"session {self._paths.session_id!r}: the log was replaced or cut while it was "
            "compacted; it is as it was. Run the compaction again"
        )

    def _swap(self, old: LogFile, new: LogFile, archive: str | None) -> None:
        """With both locks held: let the new file take the old one's place."""
        storage, paths, scanner = self._storage, self._paths, self._scanner
        if not (old.is_current() and is_still_there(storage, old, scanner)):
            raise self._changed_error()
        self._check_can_go_back(old)
        self._copy(old, new)
        if scanner.seal is not None:
            if scanner.seal.reason == "deleted":
                raise self._changed_error()
            unseal(storage, old, scanner, paths)
        cut_torn_tail(storage, old, scanner, paths)
        storage.sync(new.fd)
        seal(storage, old, scanner, reason="compacted", writer=self._writer)
        try:
            if archive is not None:
                self._link(old, archive)
            storage.rename(new.path, paths.log)
        except BaseException:
            if old.is_current():  # an interrupt may come when the rename is already done
                take_back(storage, old, scanner.end)
                if archive is not None and storage.find(archive) == old.id:
                    storage.unlink(archive)
            raise
        self._sync_rename()

    def _check_can_go_back(self, old: LogFile) -> None:
        """Before anything is sealed, with the lock held. Raises `StorageError`."""
        try:
            check_can_be_cut(self._storage, old)
        except OSError as error:
            raise StorageError(
                error.errno,
                f"session {self._paths.session_id!r}: {old.path}: cannot be compacted, as the "
                f"file cannot be cut ({error.strerror}): there would be no way back. The log is "
                "as it was. If it is append-only (see lsattr), take that off (chattr -a), or "
                "switch auto_compact off",
            ) from error

    def _sync_rename(self) -> None:
        try:
            self._storage.sync_folder(self._paths.folder)
        except OSError as error:
            raise StorageError(
                error.errno,
                f"session {self._paths.session_id!r}: was compacted, but the folder could not "
                f"be synced ({error.strerror}): after a power cut it may be as it was before",
            ) from error

    def _link(self, old: LogFile, archive: str) -> None:
        """Give the old log its name in the archive. Fails if that is taken."""
        storage = self._storage
        for path in self._left:
            try:
                storage.unlink(path)
            except FileNotFoundError:
                pass  # a repair has finished since, or a packing has tidied up
        storage.link(old.path, archive)
        storage.sync_folder(self._paths.archive)

    def _free_archive_name(self, old: LogFile, base_seq: int) -> str:
        """A name that no archive has. The usual one may be taken: a damaged log can be
        compacted twice at the same event, and a log may have been lost but not its history.
        Only what `_link` will remove, the log itself, is in nobody's way.
        """
        find = self._storage.find
        names = (self._paths.archived(base_seq, number) for number in count(1))
        return next(
            name for name in names if find(name) in (None, old.id) and find(packed(name)) is None
        )

    def _list_archive(self, old: LogFile) -> Sequence[str]:
        """The names of the session's files in the archive, without the log's lock.

        Notes those that crashes left there: names of the log itself, of a compaction that did
        not finish, and unfinished copies of torn tails, of a repair. While we have the scratch
        file, nobody else gives the log another name.
        """
        names = names_in_archive(self._storage, self._paths)
        paths = [os.path.join(self._paths.archive, name) for name in names]
        self._left = [
            path
            for path in paths
            if path.endswith(unfinished(TORN_SUFFIX)) or self._storage.find(path) == old.id
        ]
        return names


def compact(
    storage: Storage,
    paths: Paths,
    history: History,
    lock_timeout: float,
    writer: str | None,
    stop: Callable[[], bool] = lambda: False,
) -> CompactionReport | None:
    """Rewrite one session's log with only what lives; see `Compaction.run`.

    Reads the log twice, whatever part of it lives, and holds its lock for a few
    milliseconds. Memory is that of the live turns' places, not of their states.
    """
    writer = writer or default_writer()
    return Compaction(storage, paths, history, lock_timeout, writer, stop).run()
