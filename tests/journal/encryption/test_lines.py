"""Lines of encrypted states: read as they were written, in any layout, and never as plain ones."""

import msgspec
import pytest
from msgspec import Raw

from journal.ciphertext import is_encrypted
from journal.codec import _hash_by_layout, decode_line, decode_lines, erase_state, stamp
from journal.encryption import Encryption
from journal.encryption.cipher import Cipher
from journal.errors import EncryptionKeyError
from journal.events import GENESIS, Set
from journal.state import decode_state

CIPHER = Cipher(Encryption.from_keys(b"k" * 32))
TS = "2026-11-22T10:18:00.123456Z"


def line_of(runtime: str = "native", once: str | None = None) -> tuple[bytes, Set]:
    state = CIPHER.encrypt(runtime, "t", b'{"n":1}')
    event = Set(
        runtime_id=runtime, turn_id="t", state=Raw(state), once=once, encrypted_by=CIPHER.key_id
    )
    line, stamped = stamp(event, 1, TS, "host:1", GENESIS)
    assert isinstance(stamped, Set)
    return line[:-1], stamped


@pytest.mark.parametrize("runtime", ["native", 'with "quotes"', "ü"])
@pytest.mark.parametrize("once", [None, "request-7"])
def test_a_line_is_read_as_the_event_that_was_stamped(runtime: str, once: str | None) -> None:
    line, stamped = line_of(runtime, once)
    assert decode_line(line) == stamped
    assert decode_lines([line, line]) == [stamped, stamped]
    assert is_encrypted(bytes(stamped.state))
    with pytest.raises(EncryptionKeyError):
        decode_state(bytes(stamped.state))
    fields = msgspec.json.decode(line)
    assert isinstance(fields["state"], str)
    assert list(fields)[-4:] == ["state", "encrypted_by", "prev", "hash"]


def test_a_line_that_others_have_laid_out_is_the_same_event() -> None:
    line, stamped = line_of()
    loose = line.replace(b'"encrypted_by":', b'"encrypted_by": ').replace(b',"turn', b', "turn')
    digest = _hash_by_layout(loose)
    assert digest is not None
    loose = loose.replace(stamped.hash.encode(), digest.encode())
    assert decode_line(loose) == msgspec.structs.replace(stamped, hash=digest)


def test_the_hash_covers_ciphertext_and_key() -> None:
    line, stamped = line_of()
    other = stamped.encrypted_by or ""
    assert decode_line(line.replace(other.encode(), b"0" * 16)) is None
    at = line.index(b'"state":"') + 12
    assert decode_line(line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]) is None


def test_an_encrypted_state_is_erased_without_the_key() -> None:
    line, stamped = line_of()
    found = decode_line(erase_state(line))
    assert isinstance(found, Set)
    assert (bytes(found.state), found.hash, found.encrypted_by) == (
        b"{}",
        stamped.hash,
        stamped.encrypted_by,
    )
    assert found.erased is not None


@pytest.mark.parametrize("state", [b"{}", b"null", b'"no base64"', b"[1]", b'":"'])
def test_what_is_no_ciphertext_is_never_taken_for_a_state(state: bytes) -> None:
    """Whoever wrote it: `encrypted_by` says that it is one."""
    line, stamped = line_of()
    text = line[line.index(b'"state":') + 8 : line.index(b',"encrypted_by"')]
    forged = line.replace(text, state)
    digest = _hash_by_layout(forged)
    assert digest is not None
    found = decode_line(forged.replace(stamped.hash.encode(), digest.encode()))
    assert isinstance(found, Set)
    with pytest.raises(EncryptionKeyError):
        decode_state(bytes(found.state))
