"""Putting back what a log has lost, where another file still has it whole.

As a compaction does: a new file is written beside the log, proved, and takes the log's place
under its lock, so that writers and readers go on and a crash at any point leaves the one or
the other. What is intact stays byte for byte, the header too: the new file is the log as it
was before it was damaged. The damaged one stays in `archive/` as evidence.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

from msgspec import Struct

from journal.codec import default_writer
from journal.engines.files.logfile import LogFile
from journal.engines.files.replacing import Replacement
from journal.engines.files.salvage import Filling, Found, Salvage
from journal.engines.files.scratch import discard, open_scratch
from journal.engines.files.segment import Segment
from journal.engines.files.sources import Source, sources_of
from journal.engines.files.storage import Storage, write_all
from journal.engines.files.survey import Survey
from journal.engines.files.validation import check_session, newer_format_error
from journal.errors import CompactionError, JournalError, NotFoundError, StorageError
from journal.names import Paths
from journal.waiting import DEFAULT_TIMEOUT


class Restored(NamedTuple):
    """An event that can be put back, and the file that has it whole."""

    seq: int
    where: str


class RestoreReport(Struct, frozen=True, kw_only=True):
    """What was put back, or can be. `left` says in words what stays lost, and why.

    `evidence` is where the log as it was is now; None if nothing was changed.
    """

    session_id: str
    restored: list[Restored]
    left: list[str]
    evidence: str | None


class Restoration:
    """One restoration of one session; `restore` or `plan` once. `copies` are files."""

    def __init__(
        self,
        storage: Storage,
        paths: Paths,
        copies: Sequence[str],
        lock_timeout: float,
        writer: str,
    ) -> None:
        self._storage = storage
        self._paths = paths
        self._lock_timeout = lock_timeout
        self._writer = writer
        self._copies = copies
        self._survey = Survey()
        self._found: dict[str, Found] = {}

    def plan(self) -> RestoreReport:
        """What `restore` would do. Changes nothing, takes no lock."""
        return self._with_log(lambda old: self._report(self._search(old), None), write=False)

    def restore(self) -> RestoreReport:
        """Put back all that can be found.

        Raises `NotFoundError` when there is no such session, `CompactionError` when a
        compaction or another restoration is under way, and `StorageError` when the operating
        system refuses; the log is then as it was.
        """
        return self._with_log(self._restore, write=True)

    def _with_log(self, work: Callable[[Segment], RestoreReport], *, write: bool) -> RestoreReport:
        try:
            old = LogFile(self._storage, self._paths.log, create=False, write=write)
        except FileNotFoundError:
            raise self._not_found() from None
        try:
            return work(Segment(self._paths, old, self._survey.scanner))
        except OSError as error:
            if isinstance(error, JournalError):
                raise
            raise StorageError(
                error.errno,
                f"session {self._paths.session_id!r}: could not be restored ({error.strerror}); "
                "the log is as it was",
            ) from error
        finally:
            old.close()

    def _not_found(self) -> NotFoundError:
        return NotFoundError(f"there is no session {self._paths.session_id!r} to restore")

    def _search(self, old: Segment) -> list[Filling]:
        """Read the log, and what may have that which is missing in it."""
        scanner, paths = old.scanner, self._paths
        log = Source(paths.log, lambda: old.pieces(0, old.file.size()))
        for _ in self._survey.read(log.pieces()):
            pass
        if scanner.newer_format is not None:
            raise newer_format_error(paths, scanner)
        check_session(paths, scanner.header)
        if scanner.seal is not None and scanner.seal.reason == "deleted":
            raise self._not_found()
        if not self._survey.gaps:
            return []
        salvage = Salvage(log, self._survey, sources_of(self._storage, paths, self._copies))
        fillings = salvage.fillings()
        self._found = salvage.by_hash
        return fillings

    def _report(self, fillings: list[Filling], evidence: str | None) -> RestoreReport:
        restored = {
            Restored(found.event.seq, found.where)
            for filling in fillings
            for found in self._found_for(filling)
        }
        left = [line for filling in fillings for line in _left_in(filling)]
        if self._survey.header is None:
            left.append("the header is not intact: only a copy of the whole log brings it back")
        return RestoreReport(
            session_id=self._paths.session_id,
            restored=sorted(restored),
            left=left,
            evidence=evidence,
        )

    def _found_for(self, filling: Filling) -> list[Found]:
        kept = [digest for digest in filling.kept or () if digest not in self._survey.kept]
        return [*(self._found[digest] for digest in kept), *filling.before, *filling.after]

    def _restore(self, old: Segment) -> RestoreReport:
        if old.file.write_error is not None:
            raise old.file.write_error
        fillings = self._search(old)
        if not any(filling.is_whole or self._found_for(filling) for filling in fillings):
            return self._report(fillings, None)
        new = open_scratch(self._storage, self._paths.scratch, self._refuse_a_second)
        try:
            for piece in self._pieces_of_new(old, fillings):
                write_all(self._storage, new.fd, piece)
            self._storage.sync(new.fd)
            self._prove_restored(new, fillings)
            evidence = self._free_evidence_name()
            self._storage.make_folder(self._paths.archive)
            self._storage.sync_folder(self._paths.folder)
            self._storage.sync(old.file.fd)
            replacement = Replacement(old, new, self._writer, lambda: None)
            replacement.list_archive()
            replacement.catch_up()
            replacement.lock(self._lock_timeout)
            replacement.swap(evidence)
        except BaseException:
            discard(self._storage, new)
            raise
        finally:
            new.close()
        return self._report(fillings, evidence)

    def _refuse_a_second(self) -> None:
        raise CompactionError(
            f"session {self._paths.session_id!r}: a compaction of it, or another restoration, is "
            "under way; wait for it"
        )

    # The new file

    def _pieces_of_new(self, old: Segment, fillings: list[Filling]) -> Iterator[bytes]:
        """The old file up to where it was read, with the gaps filled."""
        place = 0
        for filling in fillings:
            gap = filling.gap
            yield from self._lines_between(old, place, gap.start)
            if filling.kept is not None:
                yield from self._kept_lines(old, filling.kept)
            elif gap.kept:
                yield from self._lines_between(old, gap.start, gap.stop)
            yield from (found.line + b"\n" for found in filling.before)
            if not (gap.kept or filling.is_whole):
                yield from self._lines_between(old, gap.start, gap.stop)
            yield from (found.line + b"\n" for found in filling.after)
            place = gap.stop
        yield from self._lines_between(old, place, old.scanner.end)

    def _lines_between(self, old: Segment, start: int, stop: int) -> Iterator[bytes]:
        """Whole lines; the newline of the last may have been what was lost."""
        last = b"\n"
        for last in old.pieces(start, stop):
            yield last
        if not last.endswith(b"\n"):
            yield b"\n"

    def _kept_lines(self, old: Segment, hashes: list[str]) -> Iterator[bytes]:
        for digest in hashes:
            if digest in self._survey.kept:
                yield from self._lines_between(old, *self._survey.kept[digest])
            else:
                yield self._found[digest].line + b"\n"

    def _prove_restored(self, new: LogFile, fillings: list[Filling]) -> None:
        """Read the new file back from the disk: it must hold all that was found."""
        check = Survey()
        pieces = Segment(self._paths, new).pieces(0, new.size())
        seen = {event.hash for event in check.read(pieces)}
        found = {one.event.hash for filling in fillings for one in self._found_for(filling)}
        whole = all(filling.is_whole for filling in fillings)
        same_end = check.scanner.hash == self._survey.scanner.hash
        if not (found <= seen and same_end) or (whole and check.gaps):
            raise CompactionError(
                f"session {self._paths.session_id!r}: what was written to {new.path} is not the "
                "log with the lost events put back; the log is as it was. Check the disk"
            )

    def _free_evidence_name(self) -> str:
        names = (self._paths.damaged(self._survey.scanner.seq, number) for number in count(1))
        return next(name for name in names if self._storage.find(name) is None)


def _left_in(filling: Filling) -> Iterator[str]:
    if filling.why is not None:
        yield filling.why
    if filling.missing:
        first, last = filling.missing[0], filling.missing[-1]
        what = f"event {first} stays" if first == last else f"events {first} to {last} stay"
        yield f"{what} lost: no file has {'it' if first == last else 'them'} whole"


def plan_restoration(storage: Storage, paths: Paths, copies: Sequence[str] = ()) -> RestoreReport:
    """What `restore` would put back. Changes nothing. Raises like it."""
    return Restoration(storage, paths, copies, 0.0, default_writer()).plan()


def restore(
    storage: Storage,
    paths: Paths,
    copies: Sequence[str] = (),
    *,
    lock_timeout: float = DEFAULT_TIMEOUT,
    writer: str | None = None,
) -> RestoreReport:
    """Put back what a log has lost and its archives, or `copies` of it, have; see `Restoration`.

    Reads the log and each of these files a few times, and holds the lock of the log for a few
    milliseconds. Memory is that of what was lost and of one hash for each event of the log.
    """
    return Restoration(storage, paths, copies, lock_timeout, writer or default_writer()).restore()
