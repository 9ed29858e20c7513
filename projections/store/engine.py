"""The engine of a store, and what engines of files can do that others cannot.

A store asks every engine for what `journal.backend.Backend` says and no more. Session files
and packing come with files; where an engine has none, the store does without.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from journal.backend import Backend
from journal.config import SessionSettings
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import FileEntry
from journal.errors import ChangedError, JournalError, StorageError
from journal.reports import SessionInfo, SessionUsage
from projections.store.listing import entries_of, with_session_files
from projections.store.session_file import FileLook, SessionFile
from projections.store.settings import folder_of

if TYPE_CHECKING:
    from journal.encryption import Encryption

Pack: TypeAlias = Callable[[str, Callable[[], bool]], int]
"""Packs what compactions of a session have archived; asks now and then whether to stop."""


class SessionFiles:
    """The session files of a folder, beside the logs. Safe for threads and processes."""

    def __init__(self, logs: Directory, options: LogOptions) -> None:
        self.folder = logs.folder
        self.storage = options.storage
        self._logs = logs
        self._options = options

    def of(self, session_id: str) -> SessionFile:
        """A session's own. Raises `StateTypeError` and `StateValueError`."""
        return SessionFile(
            self._options.storage,
            self._logs.paths(session_id),
            durable=self._options.durability == "fsync",
        )

    def listed_with(self, logs: Iterable[SessionInfo]) -> list[SessionInfo]:
        """`logs` and the sessions that only have a session file. Raises `ReadError`."""
        return with_session_files(self._options.storage, self.folder, list(logs))

    def strays(self) -> tuple[list[str], list[str]]:
        """Sessions that have files but no log, and files of no known session. `ReadError`."""
        return self._logs.strays()

    def delete(self, session_id: str, file: SessionFile, *, force: bool) -> bool:
        """Delete the session with its file. Returns False when there was neither.

        Raises as `Backend.delete`, and `LockTimeoutError` where PraisonAI has the file.
        """
        with file.locked(self._options.lock_timeout):
            file.discard_unfinished()  # before the rest: that can be finished by others
            return self._logs.delete(session_id, file.name(), force=force)

    # Many at a time

    def entries(self) -> dict[str, FileEntry]:
        """What may be session files, by name. Raises `ReadError`."""
        return entries_of(self._options.storage, self.folder)

    def own_name(self, session_id: str) -> str:
        """The name that a session's file has, unless PraisonAI made it under another one."""
        return os.path.basename(self._logs.paths(session_id).session_file)

    def delete_unchanged(
        self,
        found: Sequence[SessionUsage],
        looks: Mapping[str, FileLook | None],
        *,
        force: bool = False,
    ) -> list[JournalError | None]:
        """As `Backend.delete_unchanged`, with the session files, which were looked at.

        A session whose file has changed since stays too.
        """
        outcomes: dict[str, JournalError | None] = {}
        names: dict[str, str] = {}
        with ExitStack() as locks:
            for one in found:
                look = looks[one.session_id]
                try:
                    self._prepare(self.of(one.session_id), look, locks)
                except JournalError as error:
                    outcomes[one.session_id] = error
                except OSError as error:
                    outcomes[one.session_id] = StorageError(
                        error.errno,
                        f"session {one.session_id!r}: its session file cannot be looked at: "
                        f"{error.strerror}. Nothing was deleted",
                    )
                else:
                    if look is not None:
                        names[one.session_id] = look.name
            ready = [one for one in found if one.session_id not in outcomes]
            done = self._logs.delete_unchanged(ready, names, force=force)
        outcomes.update(zip((one.session_id for one in ready), done, strict=True))
        return [outcomes[one.session_id] for one in found]

    def _prepare(self, file: SessionFile, look: FileLook | None, locks: ExitStack) -> None:
        """Where there is neither a file nor its lock, nobody is about to write it."""
        if look is not None or file.is_known_to_others():
            locks.enter_context(file.locked(0.0))
        if not file.is_as(look):
            raise ChangedError(
                f"{file.path}: has changed since the session was listed. Nothing was deleted"
            )
        file.discard_unfinished()


class Engine(NamedTuple):
    """Where the logs are. `files` and `pack` are None where the engine has no such thing."""

    backend: Backend
    files: SessionFiles | None = None
    pack: Pack | None = None


def engine_of(
    session_dir: str | os.PathLike[str] | None,
    settings: SessionSettings | None,
    options: LogOptions,
) -> Engine:
    """A folder of files, or memory where the settings say so. Touches no file.

    Raises as `folder_of`.
    """
    if settings is not None and not settings.persist:
        from journal.engines.memory import MemoryDirectory  # the few that keep nothing

        memory = MemoryDirectory(writer=options.writer, lock_timeout=options.lock_timeout)
        return Engine(memory, None, memory.pack)
    directory = Directory(folder_of(session_dir, settings), options)
    return Engine(directory, SessionFiles(directory, options), directory.pack)


def encrypted(engine: Engine, encryption: "Encryption | None") -> Engine:
    """The engine with its states encrypted; as it is without `encryption`.

    Raises as `EncryptedBackend`.
    """
    if encryption is None:
        return engine
    from journal.encryption.backend import EncryptedBackend  # which imports `cryptography`

    return engine._replace(backend=EncryptedBackend(engine.backend, encryption))
