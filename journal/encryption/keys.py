"""Where keys come from: a file, the environment, or a function that asks a key service.

A key is 32 random bytes, in text their base64. Its id is made from the key, so it says which key
is needed, and a wrong one is known as wrong. No key is ever shown in a message.
"""

import os
from binascii import Error as NotBase64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from errno import ENOENT
from hashlib import sha256
from time import monotonic
from typing import TypeAlias

from journal.errors import EncryptionSettingError
from journal.reprs import repr_of_parts

KEY = "JOURNAL_KEY"
"""The environment variable that may hold keys: the first encrypts, the others decrypt."""

KEY_FILE = "JOURNAL_KEY_FILE"
"""The environment variable that may name a file of keys."""

KEY_BYTES = 32

_MISSED_FOR = 0.5  # seconds
_MOST_MISSED = 1000

Keys: TypeAlias = Callable[[str | None], bytes | None]
"""Gives a key by its id, None if it has no such key; of None, the key that encrypts."""


def new_key() -> bytes:
    """A key, from the operating system's source of random bytes."""
    return os.urandom(KEY_BYTES)


def key_id(key: bytes) -> str:
    """The id of a key, 16 hex digits. It does not give the key away."""
    return sha256(b"runtime-journal key\0" + key).hexdigest()[:16]


def as_text(key: bytes) -> str:
    """A key as it stands in a file."""
    return b2a_base64(key, newline=False).decode()


class Encryption:
    """How a store encrypts states: `DefaultSessionStore(folder, encryption=Encryption(…))`.

    `keys` is a function: of None it gives the key that encrypts, of an id the key that has that
    id, or None if there is no such key. It may ask a key service: what it gave is remembered, and
    what it did not give for half a second, however many states need that key.
    """

    def __init__(self, keys: Keys) -> None:
        if not callable(keys):
            raise TypeError(f"keys must be callable, not {type(keys).__name__}")
        self._keys = keys
        self._known: dict[str, bytes] = {}
        self._missed: dict[str, float] = {}  # when

    @classmethod
    def from_keys(cls, *keys: bytes) -> "Encryption":
        """Of keys that are at hand. The first encrypts. Raises `EncryptionSettingError`."""
        return cls(_chosen_from(dict(_checked(keys, "keys"))))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> "Encryption":
        """Of a file of keys, one a line, as `journal key --new` makes it. The first encrypts.

        Lines that begin with `#` are comments. The file is read now, and again when a state
        needs a key that was not in it. Raises `EncryptionSettingError`.
        """
        name = os.fspath(path)
        found = read_keys(name)

        def keys(wanted: str | None) -> bytes | None:
            if wanted is not None and wanted not in found:
                found.update(read_keys(name))
            return next(iter(found.values())) if wanted is None else found.get(wanted)

        return cls(keys)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Encryption":
        """Of `$JOURNAL_KEY`, keys with blanks between them, else the file `$JOURNAL_KEY_FILE`.

        Raises `EncryptionSettingError`, also where neither is set: nothing must be written plain
        because a variable is missing.
        """
        found = cls.if_in_env(environ)
        if found is None:
            raise EncryptionSettingError(
                f"neither ${KEY} nor ${KEY_FILE} is set; `journal key --new FILE` makes a key file"
            )
        return found

    @classmethod
    def if_in_env(cls, environ: Mapping[str, str] | None = None) -> "Encryption | None":
        """As `from_env`; None where neither is set."""
        environment = os.environ if environ is None else environ
        if environment.get(KEY):
            return cls(_chosen_from(dict(_parsed(environment[KEY].split(), f"${KEY}"))))
        path = environment.get(KEY_FILE)
        return cls.from_file(path) if path else None

    def current(self) -> tuple[str, bytes]:
        """The key that encrypts, after its id. Raises `EncryptionSettingError`."""
        ((found, key),) = _checked([self._keys(None)], "the current key")
        self._known[found] = key
        return found, key

    def key(self, wanted: str) -> bytes | None:
        """The key of an id; None if there is none. Raises `EncryptionSettingError`."""
        known = self._known.get(wanted)
        if known is not None:
            return known
        if monotonic() < self._missed.get(wanted, 0.0) + _MISSED_FOR:
            return None
        key = self._keys(wanted)
        if key is None:
            if len(self._missed) >= _MOST_MISSED:  # ids are whatever stands in the lines
                self._missed.clear()
            self._missed[wanted] = monotonic()
            return None
        ((found, key),) = _checked([key], f"the key {wanted}")
        if found != wanted:
            raise EncryptionSettingError(
                f"asked for the key {wanted}, `keys` gave the key {found}; a key's id is "
                "journal.encryption.key_id(key)"
            )
        self._known[wanted] = key
        return key

    @property
    def known(self) -> tuple[str, ...]:
        """The ids of the keys that were given until now."""
        return tuple(self._known)

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield from self._known


def read_keys(path: str) -> dict[str, bytes]:
    """The keys of a file by their ids, in its order. Raises `EncryptionSettingError`."""
    try:
        with open(path, encoding="ascii") as file:
            lines = [line.strip() for line in file]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not text"
        hint = ""
        if isinstance(error, OSError) and error.errno == ENOENT:
            hint = f"; `journal key --new {path}` makes one, for sessions to come"
        raise EncryptionSettingError(f"the key file {path} cannot be read: {why}{hint}") from None
    keys = [line for line in lines if line and not line.startswith("#")]
    return dict(_parsed(keys, f"the key file {path}"))


def _parsed(texts: list[str], where: str) -> Iterator[tuple[str, bytes]]:
    keys: list[bytes] = []
    for number, text in enumerate(texts, 1):
        try:
            key = a2b_base64(text.translate({ord("-"): "+", ord("_"): "/"}), strict_mode=True)
        except (NotBase64Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise EncryptionSettingError(
                f"{where}: key {number} is not the base64 of {KEY_BYTES} bytes; "
                "`journal key --new FILE` makes one"
            )
        keys.append(key)
    return _checked(keys, where)


def _checked(keys: Iterable[bytes | None], where: str) -> Iterator[tuple[str, bytes]]:
    """The keys after their ids."""
    found = [bytes(key) if isinstance(key, bytes | bytearray) else key for key in keys]
    if not found:
        raise EncryptionSettingError(f"{where}: there is no key")
    for key in found:
        if not isinstance(key, bytes) or len(key) != KEY_BYTES:
            what = f"{len(key)} bytes" if isinstance(key, bytes) else f"{type(key).__name__}"
            raise EncryptionSettingError(
                f"{where}: a key is {KEY_BYTES} bytes, not {what}; "
                f"os.urandom({KEY_BYTES}) makes one"
            )
        yield key_id(key), key


def _chosen_from(found: Mapping[str, bytes]) -> Keys:
    first = next(iter(found.values()))
    return lambda wanted: first if wanted is None else found.get(wanted)
