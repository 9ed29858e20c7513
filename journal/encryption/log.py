"""A log that encrypts what is appended to it."""

from collections.abc import Callable, Sequence
from time import monotonic, sleep
from typing import Any

from msgspec import Raw

from journal.backend import Backend, EventFactory, Log, never
from journal.codec import SHARED
from journal.encryption.cipher import Cipher
from journal.errors import CompactionAbandonedError, LockTimeoutError, LowFormatError
from journal.events import Event, Head, Set
from journal.reports import Problem
from journal.room import Answer

_PATIENCE = 30.0  # seconds for compactions of others that are under way
_PAUSE = 0.02


class EncryptedLog:
    """A `journal.backend.Log` over another one. As safe for threads as that.

    A log that was begun without encryption is compacted before the first encrypted state: its
    file is of a format that older versions would read as if it were plain. That is done once.
    """

    def __init__(self, backend: Backend, log: Log, session_id: str, cipher: Cipher) -> None:
        self._backend = backend
        self._log = log
        self._session_id = session_id
        self._cipher = cipher
        self.lock: Any = log.lock

    # Writing

    def append(
        self,
        events: Sequence[Event] | EventFactory,
        import_events: EventFactory | None = None,
        on_appended: Callable[[], None] | None = None,
    ) -> Head:
        encrypted = self._encrypted(events)
        imported = self._encrypting(import_events) if import_events is not None else None
        try:
            return self._log.append(encrypted, imported, on_appended)
        except LowFormatError:
            pass  # nothing was written
        while True:
            self._raise_format()
            try:
                return self._log.append(encrypted, imported, on_appended)
            except LowFormatError:
                pass  # it was deleted meanwhile, and made again without encryption

    def append_at_once(
        self, events: Sequence[Event], import_events: EventFactory | None = None
    ) -> bool:
        imported = self._encrypting(import_events) if import_events is not None else None
        try:
            return self._log.append_at_once([self._encrypt(each) for each in events], imported)
        except LowFormatError:
            return False

    def _encrypted(self, events: Sequence[Event] | EventFactory) -> Sequence[Event] | EventFactory:
        if callable(events):
            return self._encrypting(events)
        return [self._encrypt(event) for event in events]

    def _encrypting(self, events: EventFactory) -> EventFactory:
        return lambda: [self._encrypt(event) for event in events()]

    def _encrypt(self, event: Event) -> Event:
        if type(event) is not Set:
            return event
        cipher, runtime, turn = self._cipher, event.runtime_id, event.turn_id
        state = cipher.encrypt(runtime, turn, bytes(event.state))
        return Set(
            runtime_id=runtime,
            turn_id=turn,
            state=Raw(state),
            once=event.once,
            encrypted_by=cipher.key_id,
        )

    def _raise_format(self) -> None:
        """Raises as `Backend.compact`, and `LockTimeoutError`."""
        until = monotonic() + _PATIENCE
        while True:
            try:
                self._backend.compact(self._session_id, least_format=SHARED)
                return
            except CompactionAbandonedError as error:
                if monotonic() > until:
                    raise LockTimeoutError(
                        f"session {self._session_id!r}: was begun without encryption and has to "
                        f"be compacted before the first encrypted state: {error}. Nothing was "
                        "written; try again"
                    ) from error
            sleep(_PAUSE)

    # What stays as it is

    @property
    def head(self) -> Head | None:
        return self._log.head

    @property
    def size(self) -> int | None:
        return self._log.size

    @property
    def unfolded(self) -> int:
        return self._log.unfolded

    @property
    def is_deleted(self) -> bool:
        return self._log.is_deleted

    @property
    def problem(self) -> Problem | None:
        return self._log.problem

    @property
    def unsaved(self) -> int:
        return self._log.unsaved

    def refresh(self, pause: Callable[[], object] | None = None) -> bool:
        return self._log.refresh(pause)

    def flush(self) -> None:
        self._log.flush()

    def save(self, pause: Callable[[], object] = never) -> None:
        self._log.save(pause)

    def close(self) -> None:
        self._log.close()

    def close_idle(self) -> Answer:
        return self._log.close_idle()
