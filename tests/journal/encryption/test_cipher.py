"""What the cipher promises: back as it went in, bound to its turn, never the same twice."""

import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.ciphertext import OVERHEAD, is_encrypted, size_of, split
from journal.encryption import Encryption, cipher
from journal.encryption.cipher import Cipher
from journal.errors import DamagedError, EncryptionKeyError, LimitExceededError
from journal.state import MAX_LINE, decode_state

KEY = b"k" * 32
IDS = st.text(st.characters(codec="utf-8"), max_size=20)


def made(*keys: bytes) -> Cipher:
    return Cipher(Encryption.from_keys(*(keys or (KEY,))))


def raw(encrypted: bytes) -> bytes:
    found: bytes = msgspec.json.decode(split(encrypted)[1], type=bytes)
    return found


@given(IDS, IDS, st.binary(max_size=300))
def test_a_state_comes_back_for_its_turn_and_no_other(
    runtime: str, turn: str, state: bytes
) -> None:
    encrypted = made().encrypt(runtime, turn, state)
    assert is_encrypted(encrypted)
    assert size_of(encrypted) == len(state)
    assert made().decrypt("s", runtime, turn, encrypted) == state
    for other in ((runtime + "x", turn), (runtime, turn + "x"), (runtime + turn, "")):
        if other != (runtime, turn):
            with pytest.raises(DamagedError, match=r"session 's'.*moved here"):
                made().decrypt("s", *other, encrypted)


@given(st.binary(max_size=40), st.data())
def test_what_was_changed_or_cut_is_damage(state: bytes, data: st.DataObject) -> None:
    key_id, _ = split(made().encrypt("r", "t", state))
    ciphertext = raw(made().encrypt("r", "t", state))
    place = data.draw(st.integers(0, len(ciphertext) - 1))
    changed = bytearray(ciphertext)
    changed[place] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(changed), ciphertext[:place]):
        text = b"!%b:%b" % (key_id.encode(), msgspec.json.encode(damaged))
        with pytest.raises(DamagedError):
            made().decrypt("s", "r", "t", text)
    for text in (b'!%b:"###"', b'!%b:""', b"!%b:{}", b'!%b:"'):
        with pytest.raises(DamagedError):
            made().decrypt("s", "r", "t", text % key_id.encode())


def test_a_key_that_is_not_there_is_named_and_not_taken_for_damage() -> None:
    encrypted = made().encrypt("r", "t", b"{}")
    with pytest.raises(EncryptionKeyError, match=r"session 's'.*not one of those given") as raised:
        made(b"x" * 32).decrypt("s", "r", "t", encrypted)
    assert raised.value.key_id == split(encrypted)[0]
    with pytest.raises(EncryptionKeyError, match="no key was given"):
        decode_state(encrypted)


def test_no_nonce_comes_twice_nor_in_a_forked_child() -> None:
    mine = made()
    found = [raw(mine.encrypt("r", "t", b"{}"))[:28] for _ in range(1000)]
    assert len(set(found)) == 1000
    assert len({each[:16] for each in found}) == 1, "one salt for one process"
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"".join(raw(mine.encrypt("r", "t", b"{}"))[:28] for _ in range(10)))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 280)
    salts = {theirs[start : start + 16] for start in range(0, 280, 28)}
    assert len(salts) == 1
    assert salts.isdisjoint({found[0][:16]}), "a salt of its own"
    os.close(reader)
    os.close(writer)


def test_a_salt_is_for_so_many_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cipher, "_MOST_OF_A_SALT", 10)
    mine = made()
    encrypted = [mine.encrypt("r", "t", b"[%d]" % n) for n in range(25)]
    assert len({raw(each)[:16] for each in encrypted}) == 3
    assert [made().decrypt("s", "r", "t", each) for each in encrypted] == [
        b"[%d]" % n for n in range(25)
    ]


def test_the_keys_of_few_salts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cipher, "_MOST_SALTS", 3)
    encrypted = [made().encrypt("r", "t", b"[%d]" % n) for n in range(10)]
    mine = made()
    assert [mine.decrypt("s", "r", "t", each) for each in encrypted * 2] == [
        b"[%d]" % n for n in range(10)
    ] * 2
    assert len(mine._aeads) <= 3


def test_what_no_line_could_hold_is_refused_with_the_size_of_the_plain_state() -> None:
    most = (MAX_LINE - 4096) // 4 * 3 - OVERHEAD
    assert len(made().encrypt("r", "t", b"x" * most)) < MAX_LINE - 4000
    with pytest.raises(LimitExceededError, match=f"{most + 1:,} bytes of JSON.*{most:,}"):
        made().encrypt("r", "t", b"x" * (most + 1))
