"""A folder of logs, one file per session: the engine for one machine.

Meets `journal.backend.Backend`. Keeps nothing in memory between calls; whoever holds
a `FileLog` from `open` decides how long it stays open. Beyond the Protocol it has what only
files have: a `folder`, the `paths` in it, session files to delete with a session, and `pack`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from journal.backend import History, Keyless, Opener, Order, Projection, always, never
from journal.codec import PLAIN
from journal.config import Durability
from journal.engines.files.archives import pack_archives
from journal.engines.files.backwards import newest_in
from journal.engines.files.compaction import compact
from journal.engines.files.deletion import Deletion
from journal.engines.files.ends import begins_elsewhere, ends_deleted, header_of
from journal.engines.files.follower import FileFollower
from journal.engines.files.history import gather
from journal.engines.files.listing import Listing
from journal.engines.files.log import FileLog, LogOptions
from journal.engines.files.logfile import LogFile
from journal.engines.files.resuming import saved_summary, saved_turn
from journal.engines.files.shared import newest_of_fork
from journal.engines.files.storage import FIRST, chunks
from journal.engines.files.verification import Verification
from journal.engines.files.watching import FolderWatch
from journal.errors import JournalError, ReadError, StorageError
from journal.events import Cursor, Head, Origin
from journal.names import Paths, paths_of
from journal.past import Entry, Newest, Past
from journal.reports import (
    CompactionReport,
    ErasureReport,
    SessionInfo,
    SessionUsage,
    VerifyReport,
)
from journal.snapshots import SavedTurn
from journal.stopping import StopEvent

if TYPE_CHECKING:
    from journal.erasing import Choice


class Directory:
    """The sessions of one folder. Safe for threads and processes."""

    def __init__(self, folder: str, options: LogOptions) -> None:
        self.folder = folder
        self._options = options
        self._storage = options.storage
        self._listing = Listing(options.storage, folder)

    def paths(self, session_id: str) -> Paths:
        """Where a session's files are. Raises `StateTypeError`, `StateValueError`."""
        return paths_of(self.folder, session_id)

    @property
    def durability(self) -> Durability | None:
        return self._options.durability

    def check_durability(self) -> None:
        """Nobody is to be asked: the operating system says of each sync whether it worked."""

    def open(self, session_id: str, projection: Projection) -> FileLog:
        return FileLog(self.paths(session_id), projection, self._options)

    def opener(self, session_id: str) -> Opener:
        return Keyless(session_id)

    def history(self, session_id: str, reaching: int = 0) -> Past | None:
        paths = self.paths(session_id)
        try:
            log = LogFile(self._storage, paths.log, create=False)
        except FileNotFoundError:
            return None
        try:
            past = None
            if not ends_deleted(self._storage, log.fd):
                past = gather(self._storage, paths, log, reaching)
        except OSError as error:
            log.close()
            if isinstance(error, StorageError):
                raise
            raise ReadError(error.errno, f"{paths.log}: {error.strerror}") from error
        except BaseException:
            log.close()
            raise
        if past is None:
            log.close()
        else:
            past.rest = _closing(log, past.rest)
        return past

    def newest(self, session_id: str) -> Newest | None:
        paths = self.paths(session_id)
        try:
            log = LogFile(self._storage, paths.log, create=False)
        except (FileNotFoundError, ReadError):
            return None
        try:
            is_fork = begins_elsewhere(self._storage, log.fd, log.size())
        except OSError:
            log.close()
            return None
        return newest_of_fork(log, paths) if is_fork else newest_in(log, session_id)

    def saved_summary(self, session_id: str) -> bytes | None:
        return saved_summary(self._storage, self.paths(session_id))

    def saved_turn(self, session_id: str, runtime_id: str, turn_id: str) -> SavedTurn | None:
        return saved_turn(self._storage, self.paths(session_id), runtime_id, turn_id)

    def follow(self, session_id: str, after: Cursor | None = None) -> FileFollower:
        paths = self.paths(session_id)
        return FileFollower(self._storage, paths, after, self.history)

    def watch(self, stop: StopEvent) -> Iterator[frozenset[str]]:
        return FolderWatch(self.folder, self._storage, self._listing.session_id_at).reports(stop)

    def compact(
        self,
        session_id: str,
        history: History = "archive",
        stop: Callable[[], bool] = never,
        is_wanted: Callable[[int, int], bool] = always,
        least_format: int = PLAIN,
    ) -> CompactionReport | None:
        """As in the Protocol. Asks `stop` after every few bytes."""
        if history not in ("archive", "drop"):
            raise ValueError(f"history is {history!r}; it must be 'archive' or 'drop'")
        options = self._options
        paths = self.paths(session_id)
        timeout, writer = options.lock_timeout, options.writer
        return compact(
            self._storage, paths, history, timeout, writer, stop, is_wanted, least_format
        )

    def pack(self, session_id: str, stop: Callable[[], bool] = never) -> int:
        """Gzip what compactions of a session have archived. Returns how many files.

        Raises `StorageError`; what could not be packed stays as it is.
        """
        try:
            return pack_archives(self._storage, self.paths(session_id), stop)
        except OSError as error:
            raise StorageError(
                error.errno,
                f"session {session_id!r}: its archive could not be packed ({error.strerror}); "
                "it stays unpacked",
            ) from error

    def erase(
        self,
        session_id: str,
        choice: "Choice",
        *,
        forget_digest: bool = False,
        dry_run: bool = False,
    ) -> ErasureReport | None:
        """As in the Protocol. Files of a session whose log is gone are erased, too."""
        from journal.engines.files.erasure import Erasure  # for the few who erase

        options = self._options
        paths = self.paths(session_id)
        timeout, writer = options.lock_timeout, options.writer
        erasure = Erasure(
            self._storage, paths, choice, timeout, writer, forget_digest=forget_digest
        )
        return erasure.plan() if dry_run else erasure.run()

    def strays(self) -> tuple[list[str], list[str]]:
        """See `journal.engines.files.strays`."""
        from journal.engines.files.strays import stray_sessions  # for the few who erase

        return stray_sessions(self._storage, self.folder)

    def verify(self, session_id: str, head: Head | None = None) -> VerifyReport:
        return Verification(self._storage, self.paths(session_id), head).run()

    def fork(self, session_id: str, to: str, at: int | Cursor | None = None) -> Head:
        """As in the Protocol: shared by hard links.

        A few dozen calls and some syncs, however many events there are, and one link for each
        archive; where the event is in a packed archive, that is read. Where the file system has
        no hard links, the files are copied.
        """
        from journal.engines.files.branching import Branching  # few programs fork

        options = self._options
        paths, target = self.paths(session_id), self.paths(to)
        timeout, writer = options.lock_timeout, options.writer
        return Branching(self._storage, paths, target, at, timeout, writer).run()

    def origin(self, session_id: str) -> Origin | None:
        try:
            log = LogFile(self._storage, self.paths(session_id).log, create=False)
        except FileNotFoundError:
            return None
        try:
            header = header_of(chunks(self._storage, log.fd, 0, log.size(), FIRST))
        except OSError as error:
            raise ReadError(error.errno, f"{log.path}: {error.strerror}") from error
        finally:
            log.close()
        return header.origin if header is not None else None

    def delete(
        self, session_id: str, session_file: str | None = None, *, force: bool = False
    ) -> bool:
        """As in the Protocol. `session_file` is the name of the file that goes with the log.

        Where there is no log but such a file, that is deleted, and the session was there.
        """
        options = self._options
        paths = self.paths(session_id)
        timeout, writer = options.lock_timeout, options.writer
        return Deletion(self._storage, paths, session_file, timeout, writer, force=force).run()

    def usage(self) -> Iterator[SessionUsage]:
        return self._listing.usage()

    def delete_unchanged(
        self,
        found: Sequence[SessionUsage],
        session_files: Mapping[str, str] | None = None,
        *,
        force: bool = False,
    ) -> list[JournalError | None]:
        """As in the Protocol. `session_files` names, by session, the files that go with logs."""
        from journal.engines.files.bulk_deletion import BulkDeletion, Doomed

        files = session_files or {}
        doomed = [
            Doomed(self.paths(one.session_id), one, files.get(one.session_id)) for one in found
        ]
        return BulkDeletion(self._storage, self._options.writer, force=force).run(doomed)

    def sessions(
        self, *, limit: int | None = None, order: Order = "newest"
    ) -> Iterator[SessionInfo]:
        return self._listing.sessions(limit, order)

    def close(self) -> None:
        """Nothing to do: nothing stays open between two calls."""


def _closing(log: LogFile, entries: Iterator[Entry]) -> Iterator[Entry]:
    """Read entries, then close the log they come from."""
    try:
        yield from entries
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise ReadError(error.errno, f"{log.path}: {error.strerror}") from error
    finally:
        log.close()
