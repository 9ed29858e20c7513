"""`journal fork`, and how other commands show a branch."""

import gzip
import json
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.terminal import journal


@pytest.fixture
def folder(tmp_path: Path) -> str:
    with DefaultSessionStore(tmp_path) as store:
        for turn in ("a", "b", "c"):
            store.set_runtime_state("s", "native", turn, {"n": turn})
    return str(tmp_path)


def lines(*args: str, folder: str) -> list[str]:
    result = journal(*args, "--dir", folder)
    assert result.returncode == 0, result
    return result.stdout.splitlines()


def test_a_fork_says_what_it_begins_with(folder: str) -> None:
    result = journal("fork", "s@2", "f", "--dir", folder)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "journal: session 'f' begins with the first 2 events of 's'\n"
    whole = journal("fork", "s", "g", "--dir", folder, "-o", "json")
    document = json.loads(whole.stdout)
    assert document["session_id"] == "g"
    assert document["forked_from"]["session_id"] == "s"
    assert document["forked_from"]["seq"] == 3
    assert journal("verify", "g", "--head", document["head"], "--dir", folder).returncode == 0
    cursor = document["forked_from"]["cursor"]
    assert journal("fork", f"s@{cursor}", "h", "--dir", folder).returncode == 0
    none = journal("fork", "s@0", "none", "--dir", folder)
    assert none.stderr == "journal: session 'none' begins with no event of 's'\n"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("s@9", "f"), 3, "has no event 9 to fork at: its last is 3"),
        (("s@soon", "f"), 2, "'soon' is not a time"),
        (("nowhere", "f"), 3, "there is no session 'nowhere'"),
        (("nowhere@2", "f"), 3, "there is no session 'nowhere'"),
        (("nowhere@soon", "f"), 3, "there is no session 'nowhere@soon'"),
        (("s", "s"), 1, "there is a session 's' already"),
        (("s@0123456789abcdef:1", "f"), 5, "is of another log"),
    ],
)
def test_what_cannot_be_forked(folder: str, args: tuple[str, str], code: int, said: str) -> None:
    result = journal("fork", *args, "--dir", folder)
    assert (result.returncode, result.stdout) == (code, "")
    assert said in result.stderr
    assert lines("sessions", "-o", "name", folder=folder) == ["s"]


def test_an_id_with_an_at_sign_is_meant_as_it_is_if_it_is_there(folder: str) -> None:
    with DefaultSessionStore(folder) as store:
        store.set_runtime_state("s@2", "native", "x", {})
    assert journal("fork", "s@2", "f", "--dir", folder).returncode == 0
    assert journal("fork", "s@2@1", "g", "--dir", folder).returncode == 0
    for name in ("f", "g"):
        assert "x" in "\n".join(lines("show", name, folder=folder))


def test_a_log_shows_where_the_branches_part(folder: str) -> None:
    journal("fork", "s@2", "f", "--dir", folder)
    border = "-- forked from s@2"
    assert lines("log", "f", folder=folder)[2:] == [border]
    journal("set", "f", "native", "d", "{}", "--dir", folder)
    for output in ("short", "diff"):
        assert lines("log", "f", "-o", output, folder=folder)[2] == border
        assert lines("log", "f", "-r", "-o", output, folder=folder)[1] == border
    assert border in lines("log", "f", "-o", "pretty", folder=folder)
    assert border not in lines("log", "f", "-n", "1", folder=folder)
    assert len(lines("log", "f", "-o", "jsonl", folder=folder)) == 3
    assert not any("forked" in line for line in lines("log", "s", folder=folder))
    document = json.loads(journal("log", "f", "-o", "json", "--dir", folder).stdout)
    assert (document["forked_from"]["seq"], len(document["events"])) == (2, 3)
    document = json.loads(journal("log", "s", "-o", "json", "--dir", folder).stdout)
    assert document["forked_from"] is None


def test_a_list_and_an_audit_show_the_branch(folder: str) -> None:
    journal("fork", "s@2", "f", "--dir", folder)
    (line,) = (line for line in lines("sessions", folder=folder) if line.startswith("f "))
    assert line.endswith("fork of s@2")
    document = json.loads(journal("sessions", "-o", "json", "--dir", folder).stdout)
    by_id = {item["session_id"]: item["forked_from"] for item in document["sessions"]}
    assert by_id["s"] is None
    assert (by_id["f"]["session_id"], by_id["f"]["seq"]) == ("s", 2)
    journal("set", "f", "native", "d", "{}", "--dir", folder)
    drawn = lines("handoffs", "f", "-o", "lanes", folder=folder)
    (border,) = (number for number, line in enumerate(drawn) if "forked from s@2" in line)
    assert "● b" in drawn[border - 1]
    assert "● d" in drawn[border + 1]
    audit = json.loads(journal("handoffs", "f", "-o", "json", "--dir", folder).stdout)
    assert audit["forked_from"]["seq"] == 2


def test_a_search_finds_what_is_shared(folder: str) -> None:
    journal("fork", "s@2", "f", "--dir", folder)
    journal("delete", "s", "--yes", "--force", "--dir", folder)
    assert len(lines("grep", "^b$", folder=folder)) == 1
    assert journal("grep", "^c$", "--dir", folder).returncode == 1


def test_deleting_what_was_forked(folder: str) -> None:
    journal("fork", "s", "f", "--dir", folder)
    refused = journal("delete", "s", "--yes", "--dir", folder)
    assert refused.returncode == 1
    assert "shared by 'f'" in refused.stderr
    assert "--force" in refused.stderr
    assert journal("delete", "s", "--yes", "--force", "--dir", folder).returncode == 0
    assert lines("sessions", "-o", "name", folder=folder) == ["f"]
    assert journal("verify", "f", "--dir", folder).returncode == 0


def test_a_fork_that_lost_its_beginning_can_be_deleted(folder: str) -> None:
    journal("fork", "s", "f", "--dir", folder)
    (Path(folder) / "archive" / "f.3.jsonl").unlink()
    assert journal("show", "f", "--dir", folder).returncode == 4
    assert journal("delete", "f", "--yes", "--dir", folder).returncode == 0
    assert lines("sessions", "-o", "name", folder=folder) == ["s"]


@pytest.mark.parametrize("how", [(), ("--forget-digest",)])
def test_what_is_erased_is_erased_in_forks_too(folder: str, how: tuple[str, ...]) -> None:
    """Wherever it stands: in what is shared, in its own, in a fork of a fork."""
    for turn, word in (("a", "TOPWORD"), ("a", "x"), ("d", "TOPWORD")):
        journal("set", "s", "native", turn, f'{{"w": "{word}"}}', "--dir", folder)
    journal("compact", "s", "--dir", folder)
    journal("set", "s", "native", "e", '{"w": "TOPWORD"}', "--dir", folder)
    for source, fork in (("s", "f"), ("s@4", "g"), ("f", "h")):
        journal("fork", source, fork, "--dir", folder)
    journal("set", "f", "native", "own", '{"w": "TOPWORD"}', "--dir", folder)
    journal("fork", "f", "i", "--dir", folder)
    turns = {name: set(lines("show", name, "native", folder=folder)) for name in "sfghi"}
    erased = journal("erase", "--grep", "TOPWORD", "--yes", *how, "--dir", folder)
    assert erased.returncode == 0, erased
    for path in Path(folder).rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            whole = gzip.decompress(data) if path.suffix == ".gz" else data
            assert b"TOPWORD" not in whole, path
    assert journal("verify", "--dir", folder).returncode == 0
    for name, before in turns.items():
        assert len(lines("show", name, "native", folder=folder)) == len(before)
    journal("set", "h", "native", "after", "{}", "--dir", folder)
    assert journal("verify", "--dir", folder).returncode == 0
