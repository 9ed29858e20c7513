"""States <-> ciphertexts: AES-256-GCM, with a key of its own for each process.

- A process draws a salt of 128 bit and makes a key from it and the key that was given, by
  HKDF-Expand with SHA-256. With that it encrypts up to 2**30 states, each with a random nonce of
  96 bit, and then draws the next salt. So how many states one given key encrypts does not matter:
  the bound that random nonces set, 2**32 for a key, is never reached.
- A ciphertext is bound to its turn: runtime and turn are authenticated with it. Not the session,
  for forks share the lines of another one; nor the place in the log, which the hashes guard.
- A forked child draws a salt of its own.
"""

import os
from collections import OrderedDict
from hashlib import sha256
from hmac import digest

import msgspec
from msgspec import Struct

from journal.ciphertext import OVERHEAD, join, key_error, split
from journal.encryption.keys import Encryption
from journal.errors import DamagedError, LimitExceededError
from journal.forking import tell_after_fork
from journal.snapshots import UNREADABLE
from journal.state import MAX_LINE, encode_text

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"No module named {error.name!r}: install runtime-journal with its extra `crypto`",
        name=error.name,
    ) from None

_SALT_BYTES = 16
_NONCE_BYTES = 12
_START = _SALT_BYTES + _NONCE_BYTES
_MOST_OF_A_SALT = 1 << 30  # states
_MOST_SALTS = 1 << 12  # whose keys are remembered: two kilobytes each
_to_base64 = msgspec.json.Encoder().encode  # a third of the time of `binascii`, with quotes
_from_base64 = msgspec.json.Decoder(bytes).decode
_MOST = (MAX_LINE - 4096) // 4 * 3 - OVERHEAD  # bytes of a state: base64 makes them a third more


class _Writing(Struct):
    """What this process encrypts with."""

    key_id: bytes
    salt: bytes
    aead: AESGCM
    left: int


class Cipher:
    """Encrypts with the current key, decrypts with whichever a state names. Safe for threads."""

    def __init__(self, encryption: Encryption) -> None:
        """Asks for the current key. Raises `EncryptionSettingError`."""
        self._encryption = encryption
        self._aeads: OrderedDict[tuple[str, bytes], AESGCM] = OrderedDict()
        self.key_id, self._key = encryption.current()
        self._writing = self._begin()
        tell_after_fork(self)

    def after_fork(self) -> None:
        self._writing = self._begin()

    def _begin(self) -> _Writing:
        salt = os.urandom(_SALT_BYTES)
        aead = self._aead(self.key_id, self._key, salt)
        return _Writing(self.key_id.encode(), salt, aead, _MOST_OF_A_SALT)

    def encrypt(self, runtime_id: str, turn_id: str, state: bytes) -> bytes:
        """A turn's state in the form of `journal.ciphertext`. O(size), 3 µs for 400 bytes.

        Raises `LimitExceededError` if no line could hold it, and as `encode_text`.
        """
        if len(state) > _MOST:
            raise LimitExceededError(
                f"the state is {len(state):,} bytes of JSON; the most that one event can hold "
                f"encrypted is {_MOST:,}. Keep a reference to the data instead"
            )
        writing = self._writing
        if writing.left <= 0:
            writing = self._writing = self._begin()
        writing.left -= 1
        nonce = os.urandom(_NONCE_BYTES)
        sealed = writing.aead.encrypt(nonce, state, _bound_to(runtime_id, turn_id))
        return join(writing.key_id, _to_base64(writing.salt + nonce + sealed))

    def decrypt(self, session_id: str, runtime_id: str, turn_id: str, state: bytes) -> bytes:
        """The JSON again. Raises `EncryptionKeyError` and `DamagedError`. O(size)."""
        wanted, text = split(state)
        try:
            data = _from_base64(text)
        except UNREADABLE:
            data = b""
        if len(data) < OVERHEAD:
            raise _damaged(session_id, runtime_id, turn_id, wanted)
        salt = data[:_SALT_BYTES]
        aead = self._aeads.get((wanted, salt))
        if aead is None:
            key = self._encryption.key(wanted)
            if key is None:
                raise key_error(wanted, session_id, self._encryption.known)
            aead = self._aead(wanted, key, salt)
        nonce, sealed = data[_SALT_BYTES:_START], data[_START:]
        try:
            return aead.decrypt(nonce, sealed, _bound_to(runtime_id, turn_id))
        except InvalidTag:
            raise _damaged(session_id, runtime_id, turn_id, wanted) from None

    def _aead(self, key_id: str, key: bytes, salt: bytes) -> AESGCM:
        made = AESGCM(digest(key, b"runtime-journal state 1\0" + salt + b"\x01", sha256))
        self._aeads[key_id, salt] = made
        if len(self._aeads) > _MOST_SALTS:
            self._aeads.popitem(last=False)
        return made


def _bound_to(runtime_id: str, turn_id: str) -> bytes:
    """What is authenticated with a state: two JSON strings cannot be cut in another place."""
    return encode_text(runtime_id, "runtime_id") + encode_text(turn_id, "turn_id")


def _damaged(session_id: str, runtime_id: str, turn_id: str, key_id: str) -> DamagedError:
    return DamagedError(
        f"session {session_id!r}: the state of turn {turn_id!r} of {runtime_id!r} is not what was "
        f"encrypted for this turn with the key {key_id}: it was changed, cut, or moved here. "
        "Restore the session from a backup"
    )
