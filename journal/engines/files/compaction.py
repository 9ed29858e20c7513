"""Compaction: the rewrite of a log with only what lives.

1. Without the log's lock: take the scratch file, find what lives, write it there, sync, read it
   back and prove that it folds to the same turns; then copy what was appended since.
2. With the lock: copy the last bytes, and let the new file take the log's place; see
   `journal.engines.files.replacing`.

The scratch file is also the lock against a second compactor: the process that holds its `flock`
owns it. It is taken first, so that of many processes that find a log bloated one reads it.
"""

import os
from collections.abc import Callable
from hashlib import sha256
from itertools import count

from journal.backend import History, always
from journal.codec import PLAIN, Clock, control_line, default_writer, digest_of
from journal.engines.files.deletion import is_evidence, remove_from_archive
from journal.engines.files.ends import ends_deleted, header_of
from journal.engines.files.living import Kept, Living, scan_living, shared_living
from journal.engines.files.logfile import LogFile
from journal.engines.files.replacing import Replacement, changed_error
from journal.engines.files.scratch import discard, open_scratch
from journal.engines.files.segment import SLICE, Segment
from journal.engines.files.shared import SharedPart
from journal.engines.files.storage import FIRST, Storage, write_all
from journal.engines.files.validation import check_session, newer_format_error
from journal.errors import (
    CompactionAbandonedError,
    CompactionError,
    DamagedError,
    JournalError,
    StorageError,
)
from journal.events import Open
from journal.names import Paths, packed
from journal.once import still_remembered
from journal.reports import CompactionReport
from journal.scan import Scanner


class Compaction:
    """One compaction of one session; `run` once."""

    def __init__(
        self,
        storage: Storage,
        paths: Paths,
        history: History,
        lock_timeout: float,
        writer: str,
        stop: Callable[[], bool],
        is_wanted: Callable[[int, int], bool],
        least_format: int = PLAIN,
    ) -> None:
        """`stop` is asked after every few bytes; once it says True, nothing comes of it all.

        It is not asked any more once the old log is being sealed. `is_wanted` is asked once,
        see `Backend.compact`.
        """
        self._storage = storage
        self._paths = paths
        self._history = history
        self._lock_timeout = lock_timeout
        self._writer = writer
        self._stop = stop
        self._is_wanted = is_wanted
        self._least_format = least_format
        self._clock = Clock()
        self._shared: SharedPart | None = None

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
            return self._rewrite(Segment(self._paths, old))
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

    def _rewrite(self, old: Segment) -> CompactionReport | None:
        if old.file.write_error is not None:
            raise old.file.write_error
        new = open_scratch(self._storage, self._paths.scratch, self._refuse_a_second)
        try:
            return self._rewrite_into(old, new)
        finally:
            discard(self._storage, new)  # unless it has become the log
            new.close()

    def _rewrite_into(self, old: Segment, new: LogFile) -> CompactionReport | None:
        if not old.file.is_current():  # another compaction was quicker
            raise changed_error(self._paths)
        size = old.file.size()
        living = self._living_before(old, size)
        living = scan_living(old.slices(size, self._go_on_or_raise), old.scanner, living)
        if living.deleted:
            return None
        if not self._is_worth_it(old.scanner, living, size):
            return self._nothing_done(old.scanner, size)
        return self._replace(old, new, living)

    def _living_before(self, old: Segment, size: int) -> Living:
        """What lives of the events that a fork shares with its origin; of other logs nothing."""
        header = header_of(old.pieces(0, size, FIRST))
        if header is None or not header.shares:
            return Living()
        check_session(self._paths, header)
        self._shared = SharedPart(self._storage, self._paths, header)
        try:
            return shared_living(self._shared, self._go_on_or_raise)
        except DamagedError:
            if not old.file.is_current():
                raise changed_error(self._paths) from None
            if not ends_deleted(self._storage, old.file.fd):
                raise
            return Living()

    @property
    def _shared_damage(self) -> int:
        return len(self._shared.problems) if self._shared is not None else 0

    @property
    def _shared_count(self) -> int:
        """Events that are in files of the origin, which the new file is not to need."""
        return self._shared.count if self._shared is not None else 0

    def _is_worth_it(self, scanner: Scanner, living: Living, size: int) -> bool:
        """Whether it is wanted, and anything is dead, or to be dropped.

        Refuses logs that are not ours.
        """
        if scanner.newer_format is not None:
            raise newer_format_error(self._paths, scanner)
        check_session(self._paths, scanner.header)
        if not self._is_wanted(size, sum(kept.length for kept in living.lines())):
            return False
        alive = sum(1 for _ in living.lines())
        header = scanner.header
        drops = self._history == "drop" and header is not None and header.archive is not None
        if header is not None and header.shares and not (drops or alive or scanner.count):
            return False  # nothing was written since, and of what is shared nothing lives
        is_low = header is not None and header.format < self._least_format
        count = scanner.count + self._shared_count
        return drops or is_low or alive < count or scanner.damage_count > 0

    def _nothing_done(self, scanner: Scanner, size: int) -> CompactionReport | None:
        if scanner.header is None:  # nor any event: those without a header are damage
            return None
        return CompactionReport(
            session_id=self._paths.session_id,
            events_before=scanner.count + self._shared_count,
            events_after=scanner.count + self._shared_count,
            bytes_before=size,
            bytes_after=size,
            base_seq=scanner.header.base_seq,
            archive=None,
        )

    def _go_on_or_raise(self) -> None:
        if self._stop():
            raise CompactionAbandonedError(
                f"session {self._paths.session_id!r}: its compaction was asked to stop; the log "
                "is as it was. A later one does it"
            )

    def _refuse_a_second(self) -> None:
        raise CompactionAbandonedError(
            f"session {self._paths.session_id!r}: another compaction is under way; wait for it"
        )

    def _replace(self, old: Segment, new: LogFile, living: Living) -> CompactionReport:
        storage, paths, scanner = self._storage, self._paths, old.scanner
        before, base_seq = scanner.count, scanner.seq
        archive = None
        damage = scanner.damage_count + self._shared_damage
        if self._history == "archive" or damage:  # what was found is evidence
            archive = self._free_archive_name(old, base_seq)
            storage.make_folder(paths.archive)
            storage.sync_folder(paths.folder)  # it must not come after the rename
        kept = list(living.lines())
        header = self._new_header(old.scanner, kept, archive, living)
        self._write_kept(old, new, kept, header)
        self._prove(new, living)
        storage.sync(old.file.fd)
        replacement = Replacement(old, new, self._writer, self._go_on_or_raise)
        archived = replacement.list_archive()
        replacement.catch_up()
        replacement.lock(self._lock_timeout)
        replacement.swap(archive)
        if archive is None:
            history = [name for name in archived if not is_evidence(name)]
            remove_from_archive(storage, paths, history)
        return CompactionReport(
            session_id=paths.session_id,
            events_before=scanner.count + self._shared_count,
            events_after=len(kept) + scanner.count - before,
            bytes_before=scanner.end,
            bytes_after=new.size(),
            base_seq=base_seq,
            archive=archive,
        )

    def _free_archive_name(self, old: Segment, base_seq: int) -> str:
        """A name that no archive has. The usual one may be taken: a damaged log can be
        compacted twice at the same event, and a log may have been lost but not its history.
        Only what crashes left, a name of the log itself, is in nobody's way.
        """
        find, ours = self._storage.find, (None, old.file.id)
        names = (self._paths.archived(base_seq, number) for number in count(1))
        return next(name for name in names if find(name) in ours and find(packed(name)) is None)

    def _write_kept(self, old: Segment, new: LogFile, kept: list[Kept], header: Open) -> None:
        buffer = bytearray(control_line(header))
        for place in kept:
            line = place.line
            if line is None:
                line = self._storage.read(old.file.fd, place.length, place.offset)
            buffer += line if line.endswith(b"\n") else line + b"\n"  # it was lost
            if len(buffer) >= SLICE:
                self._go_on_or_raise()
                write_all(self._storage, new.fd, bytes(buffer))
                buffer.clear()
        write_all(self._storage, new.fd, bytes(buffer))
        self._storage.sync(new.fd)

    def _new_header(
        self, scanner: Scanner, kept: list[Kept], archive: str | None, living: Living
    ) -> Open:
        digest = sha256()
        before = (scanner.header.once if scanner.header is not None else None) or ()
        for place in kept:
            digest.update(place.hash.encode())
        before_format = scanner.header.format if scanner.header is not None else living.format
        return Open(
            format=max(self._least_format, before_format),
            session_id=self._paths.session_id,
            log_id=scanner.header.log_id if scanner.header is not None else os.urandom(8).hex(),
            base_seq=scanner.seq,
            base_hash=scanner.hash,
            kept=len(kept),
            kept_digest=digest.hexdigest()[: len(digest_of(b""))],
            archive=os.path.basename(archive) if archive is not None else None,
            once=still_remembered([*before, *living.keys], scanner.seq) or None,
            erasures=scanner.header.erasures if scanner.header is not None else 0,
            relinked=scanner.header.relinked if scanner.header is not None else None,
            origin=scanner.header.origin if scanner.header is not None else None,
            ts=self._clock.now(),
            writer=self._writer,
        )

    def _prove(self, new: LogFile, living: Living) -> None:
        """Read the new file back from the disk: it must fold to the very same turns."""
        check = Segment(self._paths, new)
        found = scan_living(check.slices(new.size(), self._go_on_or_raise), check.scanner)
        others = [kept.hash for kept in found.others] == [
            kept.hash for kept in sorted(living.others, key=lambda kept: kept.seq)
        ]
        if check.scanner.damage or found.outcome() != living.outcome() or not others:
            raise CompactionError(
                f"session {self._paths.session_id!r}: what was written to {new.path} does not "
                "fold to the same turns as the log; the log is as it was. Check the disk"
            )


def compact(
    storage: Storage,
    paths: Paths,
    history: History,
    lock_timeout: float,
    writer: str | None,
    stop: Callable[[], bool] = lambda: False,
    is_wanted: Callable[[int, int], bool] = always,
    least_format: int = PLAIN,
) -> CompactionReport | None:
    """Rewrite one session's log with only what lives; see `Compaction.run`.

    Reads the log twice, whatever part of it lives, and holds its lock for a few
    milliseconds. Memory is that of the live turns' places, not of their states.
    """
    writer = writer or default_writer()
    return Compaction(
        storage, paths, history, lock_timeout, writer, stop, is_wanted, least_format
    ).run()
