"""Events as they are read: decrypted where the key is there."""

from collections.abc import Iterator

from msgspec import Raw

from journal.backend import Follower, Opener
from journal.ciphertext import damaged
from journal.errors import DamagedError, EncryptionKeyError
from journal.events import Cursor, Event, Set


def opened(event: Event, opener: Opener) -> Event:
    """The event with its state decrypted. O(size of the state).

    Where the key is not there, or the state is damaged, it stays as it is: the event can be
    listed, and to decode its state raises the error that says why.
    """
    if type(event) is not Set or event.encrypted_by is None or event.erased is not None:
        return event
    key_id: str | None = None
    try:
        state = opener.open(event.runtime_id, event.turn_id, bytes(event.state))
    except EncryptionKeyError:
        return event
    except DamagedError as error:
        state, key_id = damaged(str(error)), event.encrypted_by
    return Set(
        seq=event.seq,
        ts=event.ts,
        writer=event.writer,
        prev=event.prev,
        hash=event.hash,
        runtime_id=event.runtime_id,
        turn_id=event.turn_id,
        state=Raw(state),
        once=event.once,
        encrypted_by=key_id,
    )


class EncryptedFollower:
    """A `journal.backend.Follower` whose events come decrypted."""

    def __init__(self, follower: Follower, opener: Opener) -> None:
        self._follower = follower
        self._opener = opener

    @property
    def cursor(self) -> Cursor | None:
        return self._follower.cursor

    @property
    def lost(self) -> int:
        return self._follower.lost

    def read(self) -> Iterator[Event]:
        for event in self._follower.read():
            yield opened(event, self._opener)

    def to_end(self) -> None:
        self._follower.to_end()

    def close(self) -> None:
        self._follower.close()
