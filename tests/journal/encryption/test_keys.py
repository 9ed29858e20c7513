"""Where keys come from, and what is said of those that cannot be used."""

import base64
import os
import stat
from pathlib import Path
from time import monotonic

import pytest

from journal.encryption import Encryption, key_id, keys
from journal.encryption.key_file import add_key
from journal.encryption.keys import read_keys
from journal.errors import EncryptionSettingError

A, B = b"a" * 32, b"b" * 32


def text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def test_of_several_keys_the_first_encrypts(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# mine\n\n{text(A)}\n  {base64.urlsafe_b64encode(B).decode()}\n")
    for found in (
        Encryption.from_keys(A, B),
        Encryption.from_file(path),
        Encryption.from_env({"JOURNAL_KEY_FILE": str(path)}),
        Encryption.from_env({"JOURNAL_KEY": f"{text(A)} {text(B)}", "JOURNAL_KEY_FILE": "no"}),
        Encryption(lambda wanted: {None: A, key_id(A): A, key_id(B): B}.get(wanted)),
    ):
        assert found.current() == (key_id(A), A)
        assert found.key(key_id(B)) == B
        assert found.key("0" * 16) is None
        assert text(A) not in repr(found)


def test_a_key_that_comes_into_the_file_later_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that reads goes on after a rotation."""
    path = tmp_path / "keys"
    path.write_text(text(A))
    found = Encryption.from_file(path)
    assert found.key(key_id(B)) is None
    path.write_text(f"{text(B)}\n{text(A)}")
    now = monotonic()
    monkeypatch.setattr(keys, "monotonic", lambda: now + 1.0)
    assert found.key(key_id(B)) == B


def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    short = text(b"secret")
    for content, why in (
        (short, "key 1 is not the base64 of 32 bytes"),
        (f"{text(A)}\nno base64!", "key 2 is not the base64"),
        ("# nothing\n", "there is no key"),
        ("ü", "is not text"),
    ):
        path.write_text(content)
        with pytest.raises(EncryptionSettingError, match=why) as raised:
            Encryption.from_file(path)
        assert short not in str(raised.value)
    with pytest.raises(EncryptionSettingError, match="journal key --new"):
        Encryption.from_file(tmp_path / "missing")
    with pytest.raises(EncryptionSettingError, match="neither"):
        Encryption.from_env({})
    with pytest.raises(EncryptionSettingError, match="32 bytes, not 3 bytes"):
        Encryption.from_keys(b"abc")
    with pytest.raises(EncryptionSettingError, match="not NoneType"):
        Encryption(lambda wanted: None).current()
    with pytest.raises(EncryptionSettingError, match=f"{key_id(B)}.*gave the key {key_id(A)}"):
        Encryption(lambda wanted: A).key(key_id(B))
    with pytest.raises(TypeError, match="callable"):
        Encryption(A)  # type: ignore[arg-type]


def test_a_key_file_is_its_owners_alone_and_keeps_older_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    before = os.umask(0)
    try:
        first = add_key(str(path))
        second = add_key(str(path))
    finally:
        os.umask(before)
    assert list(read_keys(str(path))) == [second, first]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["keys"]


def test_a_file_of_something_else_is_not_made_a_key_file(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("buy milk\n")
    with pytest.raises(EncryptionSettingError):
        add_key(str(path))
    assert path.read_text() == "buy milk\n"


def test_a_key_file_that_cannot_be_written_is_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(EncryptionSettingError, match="No such file"):
        add_key(str(tmp_path / "missing" / "keys"))
    assert os.listdir(tmp_path) == []


def test_a_key_that_is_not_there_is_not_asked_for_with_every_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be a call of a key service; and ids are whatever stands in the lines."""
    asked: list[str | None] = []
    now = [100.0]
    monkeypatch.setattr(keys, "monotonic", lambda: now[0])

    def none(wanted: str | None) -> None:
        asked.append(wanted)

    found = Encryption(none)
    assert [found.key("a"), found.key("b"), found.key("a")] == [None, None, None]
    assert asked == ["a", "b"]
    now[0] += 1.0
    assert found.key("a") is None
    assert asked == ["a", "b", "a"]
    for number in range(5000):
        found.key(str(number))
    assert len(found._missed) <= 1000
