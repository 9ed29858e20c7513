"""What dead processes left unfinished. Nothing here touches the work of a living one, which
holds a lock.
"""

import os
from collections.abc import Iterator

from journal.engines.files.storage import Storage
from journal.events import Sealed
from journal.names import (
    DAMAGED_SUFFIX,
    LOG_SUFFIX,
    NEW_SUFFIX,
    TORN_SUFFIX,
    lock_of,
    packed,
    source_of_packing,
    unfinished,
)
from projections.doctor.archives import look_and_remove
from projections.doctor.finding import Finding, shell
from projections.doctor.findings import Findings
from projections.doctor.folder import Ends, File, look_at
from projections.doctor.locks import is_left
from projections.doctor.reach import is_barred
from projections.doctor.remedies import Advice, Remedy


class Debris:
    """The debris of one session. A file that a living process may own is not examined."""

    def __init__(self, storage: Storage, findings: Findings) -> None:
        self._storage = storage
        self._findings = findings
        self._inventory = findings.inventory

    def unfinished(self, ends: Ends) -> Iterator[Finding]:
        """A log that ends in a seal. If its lock is free, the process that sealed it has died."""
        seal, log = ends.seal, self._inventory.log
        if seal is None or log is None or not is_left(self._storage, log):
            return
        if seal.reason == "deleted":
            yield self._half_deleted(seal, log)
        elif self._is_being_restored(log):
            command = self._findings.commands.restore(self._inventory.paths.session_id)
            what = "a restoration died in its last steps; the log is as it was"
            advice = Remedy.RESTORE_AGAIN.of(command=command)
            yield self._findings.make("warning", "unfinished", log.path, what, advice)
        else:
            what = "a compaction died in its last steps; the log is as it was, nothing is lost"
            advice = Remedy.COMPACT_AGAIN.of(command=self._findings.journal("compact"))
            yield self._findings.make("warning", "unfinished", log.path, what, advice)

    def _is_being_restored(self, log: File) -> bool:
        """Whether the log has a second name already, under which a restoration keeps it."""
        return any(
            file.id == log.id and file.name.endswith(DAMAGED_SUFFIX)
            for file in self._inventory.archived
        )

    def _half_deleted(self, seal: Sealed, log: File) -> Finding:
        paths = [file.path for file in self._inventory.archived]
        name = os.path.basename(seal.session_file or "")
        session_file = os.path.join(self._inventory.paths.folder, name)
        if name and _is_older(session_file, log):
            paths.insert(0, session_file)
        if self._inventory.scratch is not None:
            paths.append(self._inventory.scratch.path)
        snapshot = self._inventory.paths.snapshot
        paths += filter(os.path.lexists, (snapshot, unfinished(snapshot)))
        return self._findings.make(
            "warning",
            "unfinished",
            log.path,
            "a deletion died half-way: no reader sees the session any more, but its files remain",
            Remedy.FINISH_DELETION.of(command=shell("rm", "-f", "--", *paths, log.path)),
        )

    def files(self) -> Iterator[Finding]:
        """Files that a crash left behind."""
        scratch = self._inventory.scratch
        if scratch is not None:
            if is_left(self._storage, scratch):
                yield self._scratch(scratch)
            else:
                yield from self._of_another_user(scratch, scratch.path)
        yield from self._session_file_new()
        yield from self._snapshots()
        for file in self._inventory.archived:
            if file.is_regular:
                yield from self._archived(file)

    def _scratch(self, file: File) -> Finding:
        if self._inventory.log is None:
            what = "a new log that never took its place; there is no log beside it"
            remedy = Remedy.KEEP_OR_REMOVE
        else:
            what = "a new log that never took its place: its writer has died"
            remedy = Remedy.REMOVE
        advice = remedy.of(command=shell("rm", "-f", "--", file.path))
        return self._left_behind(file, what, advice)

    def _of_another_user(self, file: File, lock: str) -> Iterator[Finding]:
        """A file whose lock we are not allowed to try, such as one of root's."""
        if not (file.is_regular and is_barred(file.path)):
            return
        what = "a file that another user is writing, or has never finished"
        words = ["rm", "-f", "--", file.path]
        if os.path.lexists(lock):
            words = ["flock", "-n", lock, *words]
        advice = Remedy.REMOVE_UNLESS_LOCKED.of(command=shell(*words))
        yield self._left_behind(file, what, advice)

    def _session_file_new(self) -> Iterator[Finding]:
        path = self._inventory.paths.session_file
        file = look_at(unfinished(path))
        if file is None:
            return
        if not is_left(self._storage, file, lock_of(path)):
            yield from self._of_another_user(file, lock_of(path))
            return
        what = "a session file that never took its place: its writer has died"
        yield self._left_behind(file, what, _remove(file))

    def _snapshots(self) -> Iterator[Finding]:
        new = look_at(unfinished(self._inventory.paths.snapshot))
        if new is not None and is_left(self._storage, new):
            what = "a snapshot that never took its place: its writer has died"
            yield self._left_behind(new, what, _remove(new))
        snapshot = self._inventory.snapshot
        if snapshot is not None and snapshot.is_regular and self._inventory.log is None:
            what = "a snapshot of a log that is not there any more"
            yield self._left_behind(snapshot, what, _remove(snapshot))

    def _archived(self, file: File) -> Iterator[Finding]:
        log, of_logs = self._inventory.log, (LOG_SUFFIX, DAMAGED_SUFFIX)
        if file.name.endswith(NEW_SUFFIX):
            yield from self._unfinished_copy(file)
        elif file.name.endswith(of_logs) and log is not None and file.id == log.id:
            yield from self._second_name(file)
        elif file.name.endswith(LOG_SUFFIX):
            yield from self._packed_twice(file)
        elif file.name.endswith(TORN_SUFFIX):
            yield self._evidence(file, "a torn tail that a repair set aside; it is evidence only")
        elif file.name.endswith(DAMAGED_SUFFIX):
            yield self._evidence(file, "the log as it was before lost events were put back")

    def _unfinished_copy(self, file: File) -> Iterator[Finding]:
        """A copy in the making. While a process makes it, it holds the lock of the source."""
        source = self._source_of(file.path)
        if not is_left(self._storage, file, source):
            yield from self._of_another_user(file, source)
        else:
            what = "a copy that was never finished: its writer has died"
            yield self._left_behind(file, what, _remove(file))

    def _source_of(self, path: str) -> str:
        """What a process has locked that makes this copy."""
        source, made = source_of_packing(path), path.removesuffix(NEW_SUFFIX)
        if source is not None:
            return source
        rewritten = (each for each in (made, packed(made)) if os.path.lexists(each))
        return next(rewritten, self._inventory.paths.log)  # a torn tail being set aside

    def _second_name(self, file: File) -> Iterator[Finding]:
        if not is_left(self._storage, file):
            return
        what = "is the log itself under a second name, left by a compaction that died"
        advice = Remedy.REMOVE_NAME.of(command=shell("rm", "-f", "--", file.path))
        yield self._left_behind(file, what, advice)

    def _packed_twice(self, file: File) -> Iterator[Finding]:
        if os.path.lexists(packed(file.path)) and is_left(self._storage, file):
            what = "is there unpacked and packed, with the same content: packing was cut short"
            advice = Remedy.FINISH_PACKING.of(command=self._findings.journal("compact"))
            yield self._left_behind(file, what, advice)

    def _left_behind(self, file: File, what: str, advice: Advice) -> Finding:
        return self._findings.make("warning", "leftover", file.path, what, advice)

    def _evidence(self, file: File, what: str) -> Finding:
        return self._findings.make("note", "evidence", file.path, what, look_and_remove(file))


def _remove(file: File) -> Advice:
    return Remedy.REMOVE.of(command=shell("rm", "-f", "--", file.path))


def _is_older(path: str, log: File) -> bool:
    """Whether a session file belongs to the deleted log; a deletion decides by the same rule."""
    try:
        return os.lstat(path).st_mtime <= log.info.st_mtime
    except FileNotFoundError:
        return False
