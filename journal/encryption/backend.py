"""An engine whose states are encrypted: stands between a store and any engine.

What is appended is encrypted on the way in; what is read is decrypted on the way out, where the
key is there. Projections fold encrypted states and decrypt what they are asked for: so neither
memory nor snapshots hold more than the log. The engine knows nothing of keys.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from journal.backend import Backend, Follower, History, Opener, Order, Projection, always, never
from journal.ciphertext import ENCRYPTED
from journal.codec import PLAIN
from journal.config import Durability
from journal.encryption.cipher import Cipher
from journal.encryption.keys import Encryption
from journal.encryption.log import EncryptedLog
from journal.encryption.reading import EncryptedFollower, opened
from journal.erasing import Choice
from journal.errors import DamagedError, EncryptionKeyError, JournalError
from journal.events import Cursor, Head, Origin, Set
from journal.past import Entry, Newest, Past
from journal.reports import (
    CompactionReport,
    ErasureReport,
    SessionInfo,
    SessionUsage,
    VerifyReport,
)
from journal.snapshots import UNREADABLE, SavedTurn
from journal.stopping import StopEvent

_SUMMARY = "\0summary"  # in place of a turn's ids: no turn has it

_decode_text = msgspec.json.Decoder(str).decode


class KeyedOpener:
    """The `Opener` of one session."""

    hides = True

    def __init__(self, cipher: Cipher, session_id: str) -> None:
        self._cipher = cipher
        self._session_id = session_id

    def open(self, runtime_id: str, turn_id: str, state: bytes) -> bytes:
        if state[:1] != ENCRYPTED:
            return state
        return self._cipher.decrypt(self._session_id, runtime_id, turn_id, state)

    def hide(self, text: bytes) -> bytes:
        return msgspec.json.encode(self._cipher.encrypt(_SUMMARY, _SUMMARY, text).decode())


class _DecryptedChoice:
    """A `journal.erasing.Choice` that is shown states as they were before they were encrypted."""

    def __init__(self, choice: Choice, opener: Opener) -> None:
        self._choice = choice
        self._opener = opener

    def takes(self, event: Set) -> bool:
        found = opened(event, self._opener)
        return isinstance(found, Set) and self._choice.takes(found)

    def finds(self, text: str, /) -> bool:
        return self._choice.finds(text)


class EncryptedBackend:
    """A `journal.backend.Backend` over another one. As safe for threads and forks as that."""

    def __init__(self, backend: Backend, encryption: Encryption) -> None:
        """Asks for the current key. Raises `EncryptionSettingError`."""
        self._backend = backend
        self._cipher = Cipher(encryption)

    @property
    def durability(self) -> Durability | None:
        return self._backend.durability

    def check_durability(self) -> None:
        self._backend.check_durability()

    def open(self, session_id: str, projection: Projection) -> EncryptedLog:
        log = self._backend.open(session_id, projection)
        return EncryptedLog(self._backend, log, session_id, self._cipher)

    def opener(self, session_id: str) -> Opener:
        return KeyedOpener(self._cipher, session_id)

    def history(self, session_id: str, reaching: int = 0) -> Past | None:
        past = self._backend.history(session_id, reaching)
        if past is not None:
            opener = self.opener(session_id)
            past.kept = list(_entries(past.kept, opener))
            past.rest = _entries(past.rest, opener)
        return past

    def newest(self, session_id: str) -> Newest | None:
        found = self._backend.newest(session_id)
        if found is None:
            return None
        return found._replace(entries=_entries(found.entries, self.opener(session_id)))

    def saved_summary(self, session_id: str) -> bytes | None:
        saved = self._backend.saved_summary(session_id)
        if saved is None:
            return None
        try:
            text = _decode_text(saved).encode()
            return self._cipher.decrypt(session_id, _SUMMARY, _SUMMARY, text)
        except (*UNREADABLE, DamagedError, EncryptionKeyError):
            return None  # saved without a key, or with one that is not there

    def saved_turn(self, session_id: str, runtime_id: str, turn_id: str) -> SavedTurn | None:
        saved = self._backend.saved_turn(session_id, runtime_id, turn_id)
        if saved is None or saved.state is None:
            return saved
        opener = self.opener(session_id)
        return saved._replace(state=opener.open(runtime_id, turn_id, saved.state))

    def follow(self, session_id: str, after: Cursor | None = None) -> Follower:
        follower = self._backend.follow(session_id, after)
        return EncryptedFollower(follower, self.opener(session_id))

    def watch(self, stop: StopEvent) -> Iterator[frozenset[str]]:
        return self._backend.watch(stop)

    def compact(
        self,
        session_id: str,
        history: History = "archive",
        stop: Callable[[], bool] = never,
        is_wanted: Callable[[int, int], bool] = always,
        least_format: int = PLAIN,
    ) -> CompactionReport | None:
        return self._backend.compact(session_id, history, stop, is_wanted, least_format)

    def erase(
        self,
        session_id: str,
        choice: Choice,
        *,
        forget_digest: bool = False,
        dry_run: bool = False,
    ) -> ErasureReport | None:
        decrypted = _DecryptedChoice(choice, self.opener(session_id))
        return self._backend.erase(
            session_id, decrypted, forget_digest=forget_digest, dry_run=dry_run
        )

    def verify(self, session_id: str, head: Head | None = None) -> VerifyReport:
        return self._backend.verify(session_id, head)

    def delete(self, session_id: str, *, force: bool = False) -> bool:
        return self._backend.delete(session_id, force=force)

    def fork(self, session_id: str, to: str, at: int | Cursor | None = None) -> Head:
        """As in the Protocol: which session a state is of is not part of its ciphertext."""
        return self._backend.fork(session_id, to, at)

    def origin(self, session_id: str) -> Origin | None:
        return self._backend.origin(session_id)

    def usage(self) -> Iterator[SessionUsage]:
        return self._backend.usage()

    def delete_unchanged(
        self, found: Sequence[SessionUsage], *, force: bool = False
    ) -> list[JournalError | None]:
        return self._backend.delete_unchanged(found, force=force)

    def sessions(
        self, *, limit: int | None = None, order: Order = "newest"
    ) -> Iterator[SessionInfo]:
        return self._backend.sessions(limit=limit, order=order)

    def close(self) -> None:
        self._backend.close()


def _entries(entries: "Iterator[Entry] | list[Entry]", opener: Opener) -> Iterator[Entry]:
    for event, line in entries:
        yield Entry(opened(event, opener), line)
