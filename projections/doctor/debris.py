"""What dead processes left half done. What a living one is at is none of this: its lock tells."""

import os
from collections.abc import Iterator

from journal.engines.files.storage import Storage
from journal.errors import JournalError
from journal.events import Open, Sealed
from journal.names import DAMAGED_SUFFIX
from projections.doctor.access import is_barred
from projections.doctor.damage import Trouble
from projections.doctor.finding import Finding, shell
from projections.doctor.folder import (
    NEW,
    Case,
    Ends,
    File,
    header_of_archive,
    is_left,
    look_at,
)
from projections.doctor.remedies import Advice, Remedy

_LOG, _PACKED = ".jsonl", ".jsonl.gz"
_LARGE = 64 << 20
"""Bytes of a session's archives that are worth a note."""


class Leftovers:
    """The leftovers of one session; nothing is asked of files whose owner may be alive."""

    def __init__(self, storage: Storage, trouble: Trouble) -> None:
        self._storage = storage
        self._trouble = trouble
        self._case: Case = trouble.case

    def half_done(self, ends: Ends) -> Iterator[Finding]:
        """A log that ends in a seal: whoever sealed it has died, unless it holds the lock."""
        seal, log = ends.seal, self._case.log
        if seal is None or log is None or not is_left(self._storage, log):
            return
        if seal.reason == "deleted":
            yield self._half_deleted(seal, log)
        elif any(f.id == log.id and f.name.endswith(DAMAGED_SUFFIX) for f in self._case.archived):
            command = self._trouble.commands.restore(self._case.paths.session_id)
            what = "a restoration died in its last steps; the log is as it was"
            advice = Remedy.RESTORE_AGAIN.of(command=command)
            yield self._trouble.finding("warning", "unfinished", log.path, what, advice)
        else:
            yield self._trouble.finding(
                "warning",
                "unfinished",
                log.path,
                "a compaction died in its last steps; the log is as it was, nothing is lost",
                Remedy.COMPACT_AGAIN.of(command=self._trouble.journal("compact")),
            )

    def _half_deleted(self, seal: Sealed, log: File) -> Finding:
        paths = [file.path for file in self._case.archived]
        name = os.path.basename(seal.session_file or "")
        session_file = os.path.join(self._case.paths.folder, name)
        if name and _is_older(session_file, log):
            paths.insert(0, session_file)
        if self._case.scratch is not None:
            paths.append(self._case.scratch.path)
        return self._trouble.finding(
            "warning",
            "unfinished",
            log.path,
            "a deletion died half-way: the session is gone for every reader, but not its files",
            Remedy.FINISH_DELETION.of(command=shell("rm", "-f", "--", *paths, log.path)),
        )

    def files(self) -> Iterator[Finding]:
        """Files that a crash left behind."""
        case = self._case
        if case.scratch is not None:
            if is_left(self._storage, case.scratch):
                yield self._scratch(case.scratch)
            else:
                yield from self._of_another_user(case.scratch, case.scratch.path)
        yield from self._session_file_new()
        for file in case.archived:
            if file.is_regular:
                yield from self._archived(file)

    def _scratch(self, file: File) -> Finding:
        if self._case.log is None:
            what = "a new log that never took its place; there is no log beside it"
            remedy = Remedy.KEEP_OR_REMOVE
        else:
            what = "a new log that never took its place: whoever wrote it has died"
            remedy = Remedy.REMOVE
        return self._leftover(file, what, remedy.of(command=shell("rm", "-f", "--", file.path)))

    def _of_another_user(self, file: File, lock: str) -> Iterator[Finding]:
        """One whose lock we may not try: root's, say."""
        if not (file.is_regular and is_barred(file.path)):
            return
        what = "a file that is being written, or was never finished, by another user"
        words = ["rm", "-f", "--", file.path]
        if os.path.lexists(lock):
            words = ["flock", "-n", lock, *words]
        yield self._leftover(file, what, Remedy.REMOVE_UNLESS_LOCKED.of(command=shell(*words)))

    def _session_file_new(self) -> Iterator[Finding]:
        path = self._case.paths.session_file
        file = look_at(path + NEW)
        if file is None:
            return
        if not is_left(self._storage, file, f"{path}.lock"):
            yield from self._of_another_user(file, f"{path}.lock")
            return
        what = "a session file that never took its place: whoever wrote it has died"
        yield self._leftover(file, what, _remove(file))

    def _archived(self, file: File) -> Iterator[Finding]:
        log = self._case.log
        if file.name.endswith(NEW):
            yield from self._unfinished_copy(file)
        elif file.name.endswith((_LOG, DAMAGED_SUFFIX)) and log is not None and file.id == log.id:
            yield from self._second_name(file)
        elif file.name.endswith(_LOG):
            yield from self._packed_twice(file)
        elif file.name.endswith(".torn"):
            yield self._evidence(file, "a torn tail that a repair set aside; it is evidence only")
        elif file.name.endswith(DAMAGED_SUFFIX):
            yield self._evidence(file, "the log as it was before lost events were put back")
        elif file.name.endswith(".orphan"):
            yield self._evidence(file, "an archive whose log was lost, moved out of the way")

    def _unfinished_copy(self, file: File) -> Iterator[Finding]:
        """Its source is locked as long as somebody copies it."""
        source = file.path.removesuffix(".gz" + NEW)
        if not file.name.endswith(".gz" + NEW):  # a torn tail being set aside
            source = self._case.paths.log
        if not is_left(self._storage, file, source):
            yield from self._of_another_user(file, source)
        else:
            what = "a copy that was never finished: whoever made it has died"
            yield self._leftover(file, what, _remove(file))

    def _second_name(self, file: File) -> Iterator[Finding]:
        if not is_left(self._storage, file):
            return
        what = "is the log itself under a second name, which a compaction that died gave it"
        advice = Remedy.REMOVE_NAME.of(command=shell("rm", "-f", "--", file.path))
        yield self._leftover(file, what, advice)

    def _packed_twice(self, file: File) -> Iterator[Finding]:
        if os.path.lexists(f"{file.path}.gz") and is_left(self._storage, file):
            what = "is there unpacked and packed, with the same content: the packing was cut short"
            advice = Remedy.FINISH_PACKING.of(command=self._trouble.journal("compact"))
            yield self._leftover(file, what, advice)

    def _leftover(self, file: File, what: str, advice: Advice) -> Finding:
        return self._trouble.finding("warning", "leftover", file.path, what, advice)

    def _evidence(self, file: File, what: str) -> Finding:
        return self._trouble.finding("note", "evidence", file.path, what, _look_and_remove(file))

    def archives(self, header: Open | None) -> Iterator[Finding]:
        """Archives that no log leads to, and how large those of the session are."""
        logs = [file for file in self._case.archived if file.name.endswith((_LOG, _PACKED))]
        chain = self._chain(header)
        log = self._case.log
        for file in logs:
            is_log = log is not None and file.id == log.id
            if chain is None or is_log or file.name.removesuffix(".gz") in chain:
                continue
            what = "an archive that no log leads to any more, so no history shows it"
            advice = _look_and_remove(file)
            yield self._trouble.finding("note", "orphan", file.path, what, advice)
        yield from self._large(sum(file.size for file in logs))

    def _large(self, size: int) -> Iterator[Finding]:
        if size < _LARGE:
            return
        yield self._trouble.finding(
            "note",
            "history",
            self._case.paths.archive,
            f"the archives of the session take {size:,} bytes",
            Remedy.DROP_HISTORY.of(command=self._trouble.journal("compact", "--drop-history")),
        )

    def _chain(self, header: Open | None) -> set[str] | None:
        """The archives that the log leads to; None where the chain is broken."""
        if header is None:
            return None
        names: set[str] = set()
        while header is not None and header.archive is not None and header.archive not in names:
            names.add(header.archive)
            try:
                header = header_of_archive(self._storage, self._case.paths, header.archive)
            except (JournalError, OSError):
                return None
        return names if header is not None else None


def _remove(file: File) -> Advice:
    return Remedy.REMOVE.of(command=shell("rm", "-f", "--", file.path))


def _look_and_remove(file: File) -> Advice:
    return Remedy.LOOK_AND_REMOVE.of(command=shell("rm", "-f", "--", file.path))


def _is_older(path: str, log: File) -> bool:
    """As a deletion judges whether a session file is the deleted session's."""
    try:
        return os.lstat(path).st_mtime <= log.info.st_mtime
    except FileNotFoundError:
        return False
