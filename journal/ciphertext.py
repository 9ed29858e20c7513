"""The form of an encrypted state in memory and in snapshots. No I/O, and no cryptography.

It is `!<key id>:"<base64>"`: the id of the key and what stands in the log's line, a JSON string.
No JSON begins with `!`, so that nothing takes it for a state: to decode it is an error.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from journal.errors import DamagedError, EncryptionKeyError
from journal.events import Set

OVERHEAD = 16 + 12 + 16
"""Bytes that encryption adds to a state: a salt, a nonce and a tag."""

ENCRYPTED = b"!"
"""How the form begins."""

_AFTER_KEY = b':"'
_DAMAGED = b"!?"


def is_encrypted(state: bytes) -> bool:
    """Whether a state is in this form."""
    return state[:1] == ENCRYPTED


def join(key_id: bytes, text: bytes) -> bytes:
    """The form, of a key's id and the JSON string in the line."""
    return b"!%b:%b" % (key_id, text)


def split(state: bytes) -> tuple[str, bytes]:
    """The id of the key, and the JSON string in the line. Whatever stands there: never raises."""
    end = state.find(_AFTER_KEY)
    return state[len(ENCRYPTED) : end].decode(), state[end + 1 :]


def line_text(event: Set) -> bytes:
    """The JSON string of an encrypted set, as it stands in the line."""
    state = bytes(event.state)
    return state[state.find(_AFTER_KEY) + 1 :]


def damaged(reason: str) -> bytes:
    """What stands in the place of a state that cannot be decrypted, though its key is there."""
    return _DAMAGED + reason.encode()


def size_of(state: bytes) -> int:
    """Bytes of JSON that a state has, or had before it was encrypted."""
    if state[:1] != ENCRYPTED:
        return len(state)
    digits = len(state) - state.find(_AFTER_KEY) - len(b':""')
    return max(0, digits // 4 * 3 - state[-3:].count(b"=") - OVERHEAD)


def unreadable(state: bytes) -> DamagedError | EncryptionKeyError:
    """The error for who would decode a state in this form as it is."""
    if state.startswith(_DAMAGED):
        return DamagedError(state[len(_DAMAGED) :].decode())
    return key_error(split(state)[0])


def key_error(
    key_id: str, session_id: str | None = None, given: tuple[str, ...] = ()
) -> EncryptionKeyError:
    """The error for a state that is encrypted with a key which is not one of those given."""
    where = f"session {session_id!r}: " if session_id is not None else ""
    which = f"which is not one of those given ({', '.join(given)})"
    return EncryptionKeyError(
        f"{where}a state is encrypted with the key {key_id}, "
        f"{which if given else 'and no key was given'}. Name the file that has it: with "
        "--key-file or in $JOURNAL_KEY_FILE for the command `journal`, from Python with "
        "encryption=Encryption.from_file(path)",
        key_id,
        session_id,
        given,
    )


@contextmanager
def naming(session_id: str) -> Iterator[None]:
    """An `EncryptionKeyError` of a state that was decoded by itself gets to know its session."""
    try:
        yield
    except EncryptionKeyError as error:
        if error.session_id is not None:
            raise
        raise key_error(error.key_id, session_id, error.given) from None
