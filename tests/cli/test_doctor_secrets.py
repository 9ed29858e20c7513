"""`journal doctor --secrets`: what is on the disk already is listed, and not shown."""

import gzip
import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from journal.encryption import Encryption
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.errors import NotFoundError
from projections import DefaultSessionStore
from projections.cli.documents.doctor import SecretItem, SecretsDocument
from projections.cli.group import cli

PASSWORD = "hunter2" + "-Zq9-Lm4"
KEY = "AK" + "IA" + "ABCD2345" * 2


def doctor(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", "--secrets", "--dir", str(folder), *args])


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """A session with secrets in log, gzipped archive and session file; another without."""
    with DefaultSessionStore(tmp_path, durability="os", redact=None) as store:
        arguments = json.dumps({"user": "bob", "password": PASSWORD})
        store.set_runtime_state("s", "native", "turn-1", {"calls": [{"arguments": arguments}]})
        store.set_runtime_state("s", "native", "turn-1", {"n": 1})
        store.compact("s")
        store.set_runtime_state("s", "native", "turn-2", {KEY: f"DB_PASSWORD={PASSWORD}"})
        store.set_runtime_state("clean", "native", "turn-1", {"token": "a word"})
    Directory(str(tmp_path), LogOptions("os")).pack("s")
    return tmp_path


def test_all_files_are_searched_and_every_place_is_named(leaking: Path) -> None:
    result = doctor(leaking, "-o", "json")
    assert result.exit_code == 1
    document = msgspec.json.decode(result.stdout, type=SecretsDocument, strict=True)
    assert document.sessions == 2
    found = [(Path(s.path).name, s.seq, s.at, s.kind, s.in_key) for s in document.secrets]
    key = "state['[REDACTED:aws-key]']"
    of_file = "runtime_state.native['turn-2']['[REDACTED:aws-key]']"
    assert found == [
        ("s.jsonl", 3, key, "aws-key", True),
        ("s.jsonl", 3, key, "password", False),
        ("s.json", None, of_file, "aws-key", True),
        ("s.json", None, of_file, "password", False),
        ("s.2.jsonl.gz", 1, "state.calls[0].arguments", "password", False),
    ]
    assert {secret.session_id for secret in document.secrets} == {"s"}
    log = (leaking / "s.jsonl").read_bytes()
    offset = document.secrets[0].offset
    assert offset is not None
    assert json.loads(log[offset:].split(b"\n")[0])["seq"] == 3


@pytest.mark.parametrize("output", ["table", "json", "jsonl"])
def test_no_secret_is_shown_and_nothing_is_changed(leaking: Path, output: str) -> None:
    before = {path: path.read_bytes() for path in leaking.rglob("*") if path.is_file()}
    result = doctor(leaking, "-o", output)
    assert PASSWORD not in result.output
    assert KEY not in result.output
    assert before == {path: path.read_bytes() for path in leaking.rglob("*") if path.is_file()}


def test_a_table_and_lines_tell_what_the_document_tells(leaking: Path) -> None:
    document = msgspec.json.decode(doctor(leaking, "-o", "json").stdout, type=SecretsDocument)
    lines = doctor(leaking, "-o", "jsonl").stdout.splitlines()
    assert [msgspec.json.decode(line, type=SecretItem) for line in lines] == document.secrets
    table = doctor(leaking).stdout
    for secret in document.secrets:
        assert secret.at in table
        assert secret.path in table


def test_a_session_may_be_named(leaking: Path) -> None:
    assert doctor(leaking, "clean").exit_code == 0
    assert doctor(leaking, "s").exit_code == 1
    assert isinstance(doctor(leaking, "none").exception, NotFoundError)


@pytest.mark.parametrize("output", ["table", "json", "jsonl"])
def test_the_remedy_is_said_and_removes_them(leaking: Path, output: str) -> None:
    result = doctor(leaking, "-o", output)
    assert result.exit_code == 1
    assert "Revoke these secrets" in result.stderr
    assert "`journal doctor --secrets --erase`" in result.stderr
    erased = doctor(leaking, "--erase", "--yes")
    assert (erased.exit_code, erased.stderr[:25]) == (0, "journal: erased 2 states ")
    assert doctor(leaking).exit_code == 0
    with DefaultSessionStore(leaking) as store:
        assert (store.verify("s").ok, store.verify("s").erased) == (True, 2)


def test_nothing_found_is_said(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "native", "turn-1", {"password": PASSWORD})
    result = doctor(tmp_path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No secrets" in result.stderr
    document = json.loads(doctor(tmp_path, "-o", "json").stdout)
    assert document["secrets"] == []


def test_what_redaction_left_is_not_found_again(leaking: Path) -> None:
    with DefaultSessionStore(leaking / "again", durability="os") as store:
        for text in (f"DB_PASSWORD={PASSWORD}", KEY, f"https://u:{PASSWORD}@host"):
            store.set_runtime_state("s", "native", "turn-1", {"text": text, "password": text})
    assert doctor(leaking / "again").exit_code == 0


def test_a_damaged_line_is_searched_as_text_and_a_damaged_archive_is_reported(
    leaking: Path,
) -> None:
    log = leaking / "s.jsonl"
    log.write_bytes(log.read_bytes() + f'{{"seq":4,"state":{{"password":"{PASSWORD}"'.encode())
    archive = leaking / "archive" / "s.2.jsonl.gz"
    archive.write_bytes(archive.read_bytes()[:-20])
    result = doctor(leaking, "-o", "json")
    document = msgspec.json.decode(result.stdout, type=SecretsDocument)
    assert ("s.jsonl", "", "password") in [
        (Path(s.path).name, s.at, s.kind) for s in document.secrets
    ]
    errors = [s for s in document.secrets if s.error is not None]
    assert [Path(s.path).name for s in errors] == ["s.2.jsonl.gz"]
    assert result.exit_code == 1


def test_large_logs_are_read_piece_by_piece(tmp_path: Path) -> None:
    """A line that lies across pieces is one line, and its place is right."""
    with DefaultSessionStore(tmp_path, durability="os", redact=None) as store:
        for number in range(16):
            store.set_runtime_state("s", "native", f"turn-{number}", {"text": "x" * 80_000})
        store.set_runtime_state("s", "native", "last", {"password": PASSWORD})
    document = msgspec.json.decode(doctor(tmp_path, "-o", "json").stdout, type=SecretsDocument)
    found = {Path(secret.path).name: (secret.seq, secret.at) for secret in document.secrets}
    assert found == {
        "s.jsonl": (17, "state.password"),
        "s.json": (None, "runtime_state.native.last.password"),
        "s.snapshot": (None, "password"),
    }


def test_an_archive_that_is_not_packed_yet_is_searched_too(leaking: Path) -> None:
    archive = leaking / "archive" / "s.2.jsonl.gz"
    (leaking / "archive" / "s.2.jsonl").write_bytes(gzip.decompress(archive.read_bytes()))
    archive.unlink()
    document = msgspec.json.decode(doctor(leaking, "-o", "json").stdout, type=SecretsDocument)
    assert "s.2.jsonl" in {Path(secret.path).name for secret in document.secrets}


@pytest.mark.parametrize("output", ["table", "json", "jsonl"])
def test_encrypted_states_are_said_to_be_not_searched(tmp_path: Path, output: str) -> None:
    encryption = Encryption.from_keys(b"k" * 32)
    with DefaultSessionStore(tmp_path, redact=None, encryption=encryption) as store:
        store.set_runtime_state("s", "native", "t", {"password": PASSWORD})
        store.set_runtime_state("s", "native", "t", {"is": '","encrypted_by":'})
    with DefaultSessionStore(tmp_path, redact=None) as plain:
        plain.set_runtime_state("plain", "native", "t", {"is": '","encrypted_by":'})
    result = doctor(tmp_path, "-o", output)
    assert result.exit_code == 0
    assert "not searched: 2 lines with encrypted states" in result.stderr
