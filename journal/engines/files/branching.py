"""Forking a session: a new log that begins with the events of another, which it does not copy.

1. With the origin's lock: find the event, and give the files that lead up to it names of the
   fork's own. The last of them may be the origin's very log; what is appended to it later is not
   the fork's.
2. Write the fork's log, which is a header that names the event, beside its place, and link it
   there: it appears whole, and never in the place of another.

Killed anywhere, there is no fork or a whole one. What it leaves in the archive then are names
of files that are the origin's, and a note that names a fork which is not there.
"""

import os
from collections.abc import Iterator
from errno import EMLINK, ENOTSUP, EPERM, EXDEV
from itertools import count

from msgspec.structs import replace

from journal.codec import SHARED, Clock, control_line, default_writer, digest_of
from journal.engines.files.archives import archived_header
from journal.engines.files.dependents import note_fork
from journal.engines.files.ends import header_of
from journal.engines.files.forkpoint import ForkPoint, FoundPoint, find_point
from journal.engines.files.logfile import LogFile
from journal.engines.files.scratch import discard, open_scratch
from journal.engines.files.storage import (
    FIRST,
    Storage,
    chunks,
    create_anew,
    write_all,
)
from journal.errors import AppendError, ExistsError, JournalError, NotFoundError, StorageError
from journal.events import Cursor, Head, Open, Origin
from journal.names import Paths, is_packed, packed, paths_of

_NO_LINKS = frozenset({EMLINK, ENOTSUP, EPERM, EXDEV})
"""Errors of a file system, or a file, that cannot have one more name."""


class Branching:
    """One fork of one session; `run` once."""

    def __init__(
        self,
        storage: Storage,
        paths: Paths,
        target: Paths,
        at: int | Cursor | None,
        lock_timeout: float,
        writer: str | None,
    ) -> None:
        self._storage = storage
        self._paths = paths
        self._target = target
        self._at = at
        self._lock_timeout = lock_timeout
        self._writer = writer or default_writer()
        self._synced = 0  # bytes of the origin's log that are on the disk
        self._made: list[str] = []  # paths that go again if it fails

    def run(self) -> Head:
        """See `journal.backend.Backend.fork`."""
        try:
            return self._run()
        except OSError as error:
            if isinstance(error, JournalError):
                raise
            raise AppendError(
                error.errno,
                f"session {self._paths.session_id!r}: could not be forked to "
                f"{self._target.session_id!r} ({error.strerror}). There is no such fork; try "
                "again once that is mended",
            ) from error

    def _run(self) -> Head:
        self._refuse_existing()
        log = self._open_locked()
        try:
            return self._fork(find_point(self._storage, self._paths, log, self._at), log)
        finally:
            log.close()  # and with that unlocks it

    def _refuse_existing(self) -> None:
        if self._storage.find(self._target.log) is not None:
            raise exists_error(self._target)

    def _open_locked(self) -> LogFile:
        """The origin's log, locked: nobody is in the middle of an append, or compacts it."""
        while True:
            try:
                log = LogFile(self._storage, self._paths.log, create=False)
            except FileNotFoundError:
                raise not_found(self._paths) from None
            try:
                self._synced = 0
                self._sync(log)  # before anybody has to wait for it
                log.lock(self._lock_timeout)
                if log.is_current():
                    return log
            except BaseException:
                log.close()
                raise
            log.close()

    def _sync(self, log: LogFile) -> None:
        size = log.size()
        if size > self._synced:
            self._storage.sync(log.fd)
            self._synced = size

    def _fork(self, found: FoundPoint, log: LogFile) -> Head:
        point = found.point
        self._sync(log)  # what the fork begins with is as durable as the fork
        header = self._header(point)
        try:
            if found.files:
                header = self._share(found, header)
            self._publish(header)
        except BaseException:
            self._take_back()
            raise
        self._sync_folder()
        return Head(header.log_id, point.seq, point.hash)

    def _header(self, point: ForkPoint) -> Open:
        return Open(
            format=SHARED,
            session_id=self._target.session_id,
            log_id=os.urandom(8).hex(),
            base_seq=point.seq,
            base_hash=point.hash,
            kept=0,
            kept_digest=digest_of(b""),
            archive=None,
            origin=Origin(point.session_id, point.log_id, point.seq, point.hash),
            ts=Clock().now(),
            writer=self._writer,
        )

    # The files of the origin

    def _share(self, found: FoundPoint, header: Open) -> Open:
        """Give the fork names of its own for all that leads up to the event. Durable."""
        storage, target = self._storage, self._target
        if storage.find(target.archive) is None:
            storage.make_folder(target.archive)
            storage.sync_folder(target.folder)
        origin = paths_of(target.folder, found.point.session_id)
        if storage.find(origin.log) is not None:
            self._made.append(origin.fork_note(header.log_id))
            note_fork(storage, origin, header)
        newest, *older = found.files
        taken = {target.in_archive(os.path.basename(path)) for path in older}
        for path in reversed(older):
            self._link(path, target.in_archive(os.path.basename(path)))
        name = self._name_for(newest, found.point.seq, taken)
        self._link(newest, name)
        storage.sync_folder(target.archive)
        return replace(header, archive=os.path.basename(name.removesuffix(packed(""))))

    def _name_for(self, source: str, seq: int, taken: set[str]) -> str:
        """A name for the newest of the files that no other has."""
        suffix = packed("") if is_packed(source) else ""
        find = self._storage.find
        ours = (None, find(source))
        for number in count(1):
            plain = self._target.archived(seq, number)
            name, other = f"{plain}{suffix}", plain if suffix else packed(plain)
            if not taken & {name, other} and find(name) in ours and find(other) is None:
                return name
        raise AssertionError("this loop ends with a name")  # pragma: no cover, no mutate

    def _link(self, source: str, name: str) -> None:
        """Give a file another name, or copy it where it cannot have one."""
        storage = self._storage
        if storage.find(name) is not None:
            self._refuse_another(source, name)
            return  # a fork that was not finished has made it
        self._made.append(name)
        try:
            storage.link(source, name)
        except FileNotFoundError:
            if is_packed(source):
                raise
            self._link(packed(source), packed(name))  # packed meanwhile, which takes no lock
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            self._copy(source, name)

    def _copy(self, source: str, name: str) -> None:
        storage = self._storage
        file, copy = LogFile(storage, source, create=False), create_anew(storage, name)
        try:
            for data in chunks(storage, file.fd, 0, file.size()):
                write_all(storage, copy, data)
            storage.sync(copy)
        finally:
            storage.close(copy)
            file.close()

    def _refuse_another(self, source: str, name: str) -> None:
        ours, theirs = (self._header_at(self._paths, source), self._header_at(self._target, name))
        if ours is None or theirs is None or ours.hash != theirs.hash:
            raise ExistsError(
                f"session {self._target.session_id!r}: has no log, but {name} is there, of an "
                "earlier session of that id. Take another id, or move that file away"
            )

    def _header_at(self, paths: Paths, path: str) -> Open | None:
        if path == paths.log:
            return self._header_of_log(path)
        return archived_header(self._storage, paths, os.path.basename(path))[1]

    def _header_of_log(self, path: str) -> Open | None:
        log = LogFile(self._storage, path, create=False)
        try:
            return header_of(chunks(self._storage, log.fd, 0, log.size(), FIRST))
        finally:
            log.close()

    # The fork's own file

    def _publish(self, header: Open) -> None:
        storage, target = self._storage, self._target
        new = open_scratch(storage, target.scratch, self._refuse_another_writer)
        try:
            write_all(storage, new.fd, control_line(header))
            storage.sync(new.fd)
            self._put_in_place(new)
        finally:
            discard(storage, new)  # the name, which is not its only one any more
            new.close()

    def _refuse_another_writer(self) -> None:
        raise exists_error(self._target)

    def _put_in_place(self, new: LogFile) -> None:
        try:
            self._storage.link(new.path, self._target.log)
        except FileExistsError:
            raise exists_error(self._target) from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            self._rename(new)

    def _rename(self, new: LogFile) -> None:
        """Put the log in its place where files have one name only: over an empty one of ours."""
        empty = LogFile(self._storage, self._target.log, create=True)
        try:
            if not (empty.try_lock() and empty.is_current() and empty.size() == 0):
                raise exists_error(self._target)
            self._storage.rename(new.path, self._target.log)
        finally:
            empty.close()

    def _sync_folder(self) -> None:
        try:
            self._storage.sync_folder(self._target.folder)
        except OSError as error:
            raise StorageError(
                error.errno,
                f"session {self._target.session_id!r}: was forked, but the folder could not be "
                f"synced ({error.strerror}): after a power cut it may not be there",
            ) from error

    def _take_back(self) -> None:
        """Remove what was made, unless the fork is there after all. What fails stays."""
        try:
            if self._storage.find(self._target.log) is not None:
                return
            for path in self._left():
                self._storage.unlink(path)
        except OSError:
            pass  # it is in nobody's way

    def _left(self) -> Iterator[str]:
        return (path for path in self._made if self._storage.find(path) is not None)


def exists_error(target: Paths) -> ExistsError:
    """The error for a fork whose id is taken."""
    return ExistsError(
        f"there is a session {target.session_id!r} already; fork to another id, or delete it first"
    )


def not_found(paths: Paths) -> NotFoundError:
    """The error for a session that is not there."""
    return NotFoundError(f"there is no session {paths.session_id!r} to fork")
