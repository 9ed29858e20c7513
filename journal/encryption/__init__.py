"""Encryption at rest: states are encrypted before they are appended, and decrypted where read.

`keys` says where keys come from; it is all that a program needs. `cipher` has the cryptography,
and is imported with the first store that encrypts. `backend` stands between such a store and any
engine, which sees encrypted states only.
"""

from journal.encryption.key_file import add_key
from journal.encryption.keys import Encryption, key_id

__all__ = ["Encryption", "add_key", "key_id"]
