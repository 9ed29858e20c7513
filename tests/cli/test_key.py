"""Keys on the command line: made, given, missing and wrong."""

import json
from pathlib import Path

import pytest

from journal.encryption import Encryption
from journal.encryption.key_file import add_key
from projections import DefaultSessionStore
from tests.cli.terminal import journal

WORDS = "book me a flight"


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = str(tmp_path / "keys")
    add_key(path)
    return path


@pytest.fixture
def folder(tmp_path: Path, key_file: str) -> str:
    path = tmp_path / "sessions"
    with DefaultSessionStore(path, encryption=Encryption.from_file(key_file)) as store:
        for number in range(2):
            state = {"n": number, "transcript": [{"role": "user", "content": WORDS}]}
            store.set_runtime_state("s", "native", "t1", state)
        store.hand_off("s", "native", "harness")
    return str(path)


def test_a_key_is_made_and_the_next_one_encrypts(tmp_path: Path) -> None:
    path = str(tmp_path / "keys")
    first = journal("key", "--new", path).stdout
    (key_id,) = first.split("  encrypts\n")[:-1]
    second = journal("key", path, "--new").stdout
    assert second.endswith(f"{key_id}  reads\n")
    assert journal("key", path).stdout == second
    assert journal("key", str(tmp_path / "none")).returncode == 2


READ_STATES = (
    *(("show", "s"), ("turn", "s", "native/t1"), ("history", "s", "native", "t1")),
    *(("diff", "s", "native/t1"), ("blame", "s", "native", "t1"), ("handoffs", "s")),
    *(("stat", "s"), ("grep", "flight"), ("grep", "--archives", "flight")),
)


@pytest.mark.parametrize("command", READ_STATES, ids=" ".join)
def test_what_reads_states_says_which_key_it_needs(
    folder: str, key_file: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (needed,) = (line.split()[0] for line in journal("key", key_file).stdout.splitlines())
    other = str(tmp_path / "others")
    add_key(other)
    for options in ((), ("--key-file", other)):
        result = journal(*command, "--dir", folder, *options)
        assert result.returncode == 1
        assert result.stdout == ""
        assert needed in result.stderr
        assert "'s'" in result.stderr
        assert "--key-file" in result.stderr
    expected = journal(*command, "--dir", folder, "--key-file", key_file)
    assert (expected.returncode in (0, 1), expected.stderr) == (True, "")
    assert expected.stdout
    for given in (
        journal("--key-file", key_file, *command, "--dir", folder),
        journal(*command, "--dir", folder, JOURNAL_KEY_FILE=key_file),
        journal(*command, "--dir", folder, JOURNAL_KEY=Path(key_file).read_text().split()[-1]),
    ):
        assert (given.stdout, given.stderr) == (expected.stdout, "")


@pytest.mark.parametrize("output", ["short", "diff", "pretty"])
def test_the_log_shows_lines_without_the_key(folder: str, key_file: str, output: str) -> None:
    result = journal("log", "s", "-o", output, "--dir", folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("encrypted with the key") == 2
    assert "harness" in result.stdout
    shown = journal("log", "s", "-o", output, "--dir", folder, "--key-file", key_file)
    assert WORDS in shown.stdout
    assert "encrypted" not in shown.stdout


def test_as_json_an_encrypted_event_has_its_key_in_place_of_a_state(
    folder: str, key_file: str
) -> None:
    result = journal("log", "s", "-o", "jsonl", "--dir", folder)
    sets = [json.loads(line) for line in result.stdout.splitlines()][:2]
    assert [("state" in each, len(each["encrypted_by"])) for each in sets] == [(False, 16)] * 2
    assert journal("log", "s", "state.n=1", "--dir", folder).stdout == ""
    asked = ("log", "s", "state.n=1", "-o", "jsonl", "--dir", folder)
    found = journal(*asked, "--key-file", key_file)
    assert json.loads(found.stdout)["state"]["n"] == 1


def test_what_reads_no_state_needs_no_key(folder: str, tmp_path: Path) -> None:
    assert "encrypted with the key" in journal("verify", "--dir", folder).stdout
    report = json.loads(journal("verify", "-o", "json", "--dir", folder).stdout)
    assert list(report["sessions"][0]["encrypted"].values()) == [2]
    assert "native" in journal("sessions", "--dir", folder).stdout
    assert journal("doctor", "--dir", folder).returncode == 0
    exported = journal("export", "s", "--dir", folder)
    assert exported.returncode == 0
    assert WORDS not in exported.stdout
    assert "2 states are as in the log, encrypted" in exported.stderr
    assert journal("compact", "s", "--dir", folder).returncode == 0
    assert journal("backup", str(tmp_path / "copy"), "--dir", folder).returncode == 0
    assert journal("delete", "s", "-y", "--dir", folder).returncode == 0


def test_the_doctor_finds_plain_states_in_the_session_file_of_an_encrypted_session(
    folder: str, key_file: str
) -> None:
    path = Path(folder) / "s.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "runtime_state": {"native": {"t1": {"n": 1}}}}))
    result = journal("doctor", "--dir", folder)
    assert "though they are encrypted in the log" in result.stdout
    with DefaultSessionStore(folder, encryption=Encryption.from_file(key_file)) as store:
        store.set_runtime_state("s", "native", "t2", {})
    assert journal("doctor", "--dir", folder).returncode == 0
    assert "runtime_state" not in path.read_text()
