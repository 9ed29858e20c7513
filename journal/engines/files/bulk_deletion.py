"""Deleting many sessions at a time, which share what takes longest: the syncs.

The steps are those of `deletion`, each done for all of them before the next one. Every log is
sealed; the seals are synced, by several threads, of which a file system serves many with one
commit; what stands beside the logs is removed, and that is synced once for each folder; then the
logs go. So each session is there or gone wherever that ends, as when it is deleted alone.

Nobody lists the archive here: what was listed of a session is complete as long as its log is as
it was, since whatever puts a file of it there then changes the log. Where a log is not in order,
or there is a file that this does not know, the session is deleted alone, which looks again.
"""

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from journal import exiting
from journal.codec import default_writer
from journal.engines.files.deletion import (
    Deletion,
    changed,
    check_unchanged,
    is_evidence,
    not_deleted,
    remove_beside,
    remove_file,
    reporting,
    session_file_at,
    unlink_in_archive,
)
from journal.engines.files.logfile import LogFile
from journal.engines.files.sealing import check_can_be_cut, seal, take_back
from journal.engines.files.segment import Segment
from journal.engines.files.storage import Storage
from journal.errors import JournalError, LockTimeoutError
from journal.names import Paths, is_archived_log
from journal.reports import SessionUsage

_MOST_THREADS = 8


class Doomed(NamedTuple):
    """A session that is to go, as it was listed, and the name of its session file, if it has one.

    Whoever gives a name sees to it that nobody else writes that file meanwhile.
    """

    paths: Paths
    listed: SessionUsage
    session_file: str | None


_Step: TypeAlias = Callable[[Segment, Doomed], None]


class _AloneError(Exception):
    """The session is to be deleted alone."""


class BulkDeletion:
    """One deletion of many sessions; `run` once."""

    def __init__(self, storage: Storage, writer: str | None, *, force: bool) -> None:
        self._storage = storage
        self._writer = writer or default_writer()
        self._force = force
        self._outcomes: list[JournalError | None] = []
        self._sealed: dict[int, Segment] = {}  # by place in what is to go
        self._alone: list[int] = []

    def run(self, doomed: Sequence[Doomed]) -> list[JournalError | None]:
        """For each, in order: None if it is gone, else why not all of it is.

        See `journal.backend.Backend.delete_unchanged`.
        """
        self._outcomes = [None] * len(doomed)
        try:
            for place, one in enumerate(doomed):
                self._seal(place, one)
            self._sync_seals(doomed)
            self._each(doomed, self._remove_others)
            archive = [place for place in self._sealed if doomed[place].listed.archives]
            self._sync_folder(doomed, archive, in_archive=True)
            self._sync_folder(doomed, [*self._sealed], in_archive=False)
            self._each(doomed, self._remove_log)
            self._sync_folder(doomed, [*self._sealed], in_archive=False)
        finally:
            for segment in self._sealed.values():
                segment.file.close()
        for place in self._alone:
            self._outcomes[place] = self._delete_alone(doomed[place])
        return self._outcomes

    # The seals

    def _seal(self, place: int, one: Doomed) -> None:
        try:
            self._sealed[place] = self._open_and_seal(one)
        except _AloneError:
            self._alone.append(place)
        except FileNotFoundError:
            self._outcomes[place] = changed(one.paths)
        except JournalError as error:
            self._outcomes[place] = error
        except OSError as error:
            self._outcomes[place] = not_deleted(one.paths, error)

    def _open_and_seal(self, one: Doomed) -> Segment:
        if not all(map(_is_known, one.listed.archives)):
            raise _AloneError
        file = LogFile(self._storage, one.paths.log, create=False, write=True)
        segment = Segment(one.paths, file)
        try:
            if not file.try_lock():
                raise LockTimeoutError(
                    f"session {one.paths.session_id!r}: somebody is writing to it. It is not "
                    "deleted"
                )
            if not file.is_current():
                raise changed(one.paths)
            check_unchanged(segment, one.listed)
            if file.write_error is not None:
                raise file.write_error
            self._read_to_end(segment)
            check_can_be_cut(segment)
            seal(
                segment,
                reason="deleted",
                writer=self._writer,
                session_file=one.session_file,
                durable=False,
            )
        except BaseException:
            file.close()
            raise
        return segment

    def _read_to_end(self, segment: Segment) -> None:
        for _ in segment.read_on():
            pass
        scanner = segment.scanner
        if scanner.end != segment.file.size() or scanner.damage_count or scanner.seal is not None:
            raise _AloneError

    def _sync_seals(self, doomed: Sequence[Doomed]) -> None:
        """Those that cannot be synced are taken off again."""
        for place, error in _share(list(self._sealed), self._sync_seal).items():
            if not isinstance(error, OSError):
                raise error
            self._give_up(place, doomed[place], error)

    def _sync_seal(self, place: int) -> None:
        self._storage.sync(self._sealed[place].file.fd)

    def _give_up(self, place: int, one: Doomed, error: OSError) -> None:
        segment = self._sealed.pop(place)
        self._outcomes[place] = not_deleted(one.paths, error)
        try:
            take_back(segment)
        except JournalError as worse:
            self._outcomes[place] = worse
        finally:
            segment.file.close()

    # The files

    def _each(self, doomed: Sequence[Doomed], step: _Step) -> None:
        """Do a step of each that is sealed. Those of which it fails are gone, not cleared away."""

        def work(place: int) -> None:
            with reporting(doomed[place].paths):
                step(self._sealed[place], doomed[place])

        for place, error in _share(list(self._sealed), work).items():
            if not isinstance(error, JournalError):
                raise error
            self._fail(place, error)

    def _fail(self, place: int, error: JournalError) -> None:
        self._outcomes[place] = error
        self._sealed.pop(place).file.close()

    def _remove_others(self, segment: Segment, one: Doomed) -> None:
        if one.session_file is not None:
            remove_file(self._storage, session_file_at(one.paths, one.session_file))
        unlink_in_archive(self._storage, one.paths, one.listed.archives)
        remove_beside(segment)

    def _remove_log(self, segment: Segment, one: Doomed) -> None:
        remove_file(self._storage, one.paths.log)
        segment.file.close()  # which frees what it held, and may wait for that

    def _sync_folder(
        self, doomed: Sequence[Doomed], places: Sequence[int], *, in_archive: bool
    ) -> None:
        if not places:
            return
        paths = doomed[places[0]].paths
        try:
            self._storage.sync_folder(paths.archive if in_archive else paths.folder)
        except OSError as error:
            for place in places:
                try:
                    with reporting(doomed[place].paths):
                        raise error
                except JournalError as reported:
                    self._fail(place, reported)

    def _delete_alone(self, one: Doomed) -> JournalError | None:
        deletion = Deletion(
            self._storage,
            one.paths,
            one.session_file,
            0.0,
            self._writer,
            one.listed,
            force=self._force,
        )
        try:
            return None if deletion.run() else changed(one.paths)
        except JournalError as error:
            return error


def _is_known(name: str) -> bool:
    """Whether it is an archived log, or what a repair has set aside."""
    return is_archived_log(name) or is_evidence(name)


def _share(places: list[int], work: Callable[[int], None]) -> dict[int, BaseException]:
    """Have threads do work for each, since it waits for the disk. Returns what it raised."""
    errors: dict[int, BaseException] = {}

    def do(part: Sequence[int]) -> None:
        for place in part:
            try:
                work(place)
            except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
                errors[place] = error

    number = min(_MOST_THREADS, len(places))
    parts = [places[start::number] for start in range(number)]
    threads = [threading.Thread(target=do, args=(part,), daemon=True) for part in parts[1:]]
    started = [exiting.started(thread) for thread in threads]
    do(parts[0] if parts else ())
    for thread, part, runs in zip(threads, parts[1:], started, strict=True):
        if runs:
            thread.join()
        else:
            do(part)
    return errors
