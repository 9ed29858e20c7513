"""Which sessions of a folder may have news, as it happens.

On Linux the kernel wakes us (`journal.engines.files.inotify`); elsewhere the library
watchfiles looks on our behalf. Neither is trusted alone: the folder may be removed and made
again, be moved, or be reached by a symbolic link that is switched. So we compare once a second
whether the path still leads to the folder that is watched. Where nothing can watch, for the
limits of the kernel or for want of a permission, whoever listens has to look again and again;
we try once a second whether that has changed.
"""

import logging
import os
from collections.abc import Callable, Iterator
from errno import EMFILE, ENOSPC
from time import monotonic
from typing import Protocol

from journal.engines.files.storage import FileId, Storage
from journal.names import LOG_SUFFIX
from journal.stopping import StopEvent

logger = logging.getLogger("journal")

_QUIET = 1.0  # seconds between empty sets, and between attempts where nothing can watch
_PAUSE = 0.05  # seconds between empty sets as long as nothing watches

_HAS_INOTIFY = os.uname().sysname == "Linux"


class Notifier(Protocol):
    """Watches the files of one folder. For one thread at a time."""

    is_over: bool
    """Whether it has seen that this is not the folder at the path any more."""

    def wait(self, seconds: float) -> set[str] | None:
        """Names of files that were made, written, renamed or removed, as soon as there are any.

        None: some of them are not known. Empty after `seconds`, and as soon as the
        `StopEvent` is set that the notifier was made with.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds of the system."""
        ...


class FolderWatch:
    """What `journal.backend.Backend.watch` gives, for a folder of logs."""

    def __init__(
        self, folder: str, storage: Storage, session_id_at: Callable[[str], str | None]
    ) -> None:
        self._folder = folder
        self._storage = storage
        self._session_id_at = session_id_at
        self._watched: FileId | None = None
        self._is_refused = False

    def reports(self, stop: StopEvent) -> Iterator[frozenset[str]]:
        """Ids of sessions; an empty set at first, and then at least every second."""
        began = False
        while not stop.is_set():
            notifier = self._open(stop)
            if notifier is None:
                yield from self._silences(stop, _QUIET if self._is_refused else 0.0)
                began = True
                continue
            try:
                # what was appended before we could watch is news, unless it was known already
                yield self._all_sessions() if began else frozenset()
                began = True
                yield from self._heard(notifier, stop)
            finally:
                notifier.close()

    def _open(self, stop: StopEvent) -> Notifier | None:
        try:
            self._watched = self._find()  # first: if it is replaced now, we begin once more
            notifier = open_notifier(self._folder, stop) if self._watched is not None else None
        except (FileNotFoundError, NotADirectoryError):
            notifier = None
        except OSError as error:
            self._note_refused(error)
            return None
        self._is_refused = False
        return notifier

    def _find(self) -> FileId | None:
        try:
            found = os.stat(self._folder)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return FileId(found.st_dev, found.st_ino)

    def _note_refused(self, error: OSError) -> None:
        if self._is_refused:
            return
        self._is_refused = True
        limit = (
            "; see `ulimit -n`, fs.inotify.max_user_instances and fs.inotify.max_user_watches"
            if error.errno in (EMFILE, ENOSPC)
            else ""
        )
        logger.warning(
            "%s: the system cannot watch this folder (%s%s). Until it can, we look for changes "
            "%d times a second",
            self._folder,
            error.strerror or error,
            limit,
            round(1 / _PAUSE),
        )

    def _silences(self, stop: StopEvent, seconds: float) -> Iterator[frozenset[str]]:
        """Empty sets for a while: nobody knows what happens."""
        deadline = monotonic() + seconds
        while True:
            yield frozenset()
            if stop.wait(_PAUSE) or monotonic() >= deadline:
                return

    def _heard(self, notifier: Notifier, stop: StopEvent) -> Iterator[frozenset[str]]:
        """Until we are told to stop, or this is not the folder any more."""
        quiet_at = monotonic() + _QUIET
        while not stop.is_set() and not notifier.is_over:
            names = notifier.wait(quiet_at - monotonic())
            news = self._all_sessions() if names is None else self._ids(names)
            if news:
                yield news
            if monotonic() >= quiet_at:
                quiet_at = monotonic() + _QUIET
                if not self._is_current():
                    return
                yield frozenset()

    def _is_current(self) -> bool:
        try:
            return self._find() == self._watched
        except OSError:
            return False

    def _ids(self, names: set[str]) -> frozenset[str]:
        logs = [name for name in names if name.endswith(LOG_SUFFIX)]
        ids = [self._session_id_at(name) for name in logs]
        return frozenset([session_id for session_id in ids if session_id is not None])

    def _all_sessions(self) -> frozenset[str]:
        try:
            return self._ids(set(self._storage.names(self._folder, LOG_SUFFIX)))
        except OSError:
            return frozenset()


def open_notifier(folder: str, stop: StopEvent) -> Notifier:
    """The best that this system has. Raises OSError when it cannot watch the folder.

    Both are imported late: they cost 5 and 70 ms, and few processes follow logs.
    """
    if _HAS_INOTIFY:
        from journal.engines.files.inotify import Inotify

        return Inotify(folder, stop)
    from journal.engines.files.watchfiles_notifier import WatchfilesNotifier

    return WatchfilesNotifier(folder, stop)
