"""`journal prune`: says what would go, asks, and says what went."""

import json
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.terminal import STYLE, Terminal, after, journal
from tests.support import files_in

IMPATIENT = after("import projections.cli.terminal.progress as p; p._PATIENCE = p._EVERY = -1")


@pytest.fixture
def folder(tmp_path: Path) -> str:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for session, status in (("a", "completed"), ("b", "completed"), ("open", "open")):
            store.set_runtime_state(session, "native", "turn", {"status": status})
            store.flush()
        store.compact("a")
    file = json.loads((tmp_path / "b.json").read_text())
    (tmp_path / "b.json").write_text(json.dumps({**file, "messages": [{}, {}]}))
    return str(tmp_path)


def ids(folder: str) -> set[str]:
    with DefaultSessionStore(folder) as store:
        return {info["session_id"] for info in store.list_sessions()}


def answered(folder: str, answer: str, *args: str) -> tuple[int, str]:
    """The exit code at a terminal, and all that is shown, on one line."""
    with Terminal("prune", *args, "--dir", folder, code=IMPATIENT, columns=80) as terminal:
        terminal.until(lambda _: "[y/N]" in terminal.raw)
        terminal.until_it_waits()
        terminal.type(f"{answer}\n")
        code = terminal.end()
        return code, " ".join(STYLE.sub("", terminal.raw).split())


def test_a_dry_run_names_all_that_would_go_and_all_that_stays(folder: str) -> None:
    result = journal("prune", "--keep-last", "0", "--dry-run", "--dir", folder)
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert sorted(line.partition(" ")[0] for line in lines[:2]) == ["a", "b"]
    assert lines[2].startswith("open  stays: turn 'turn' of 'native' is open, and its writer ")
    assert lines[3].startswith("2 sessions, ")
    assert "with 2 messages of PraisonAI in 1 session file would go; 1 session of " in lines[3]
    assert ids(folder) == {"a", "b", "open"}


def test_after_a_no_nothing_is_deleted(folder: str) -> None:
    before = files_in(Path(folder))
    code, shown = answered(folder, "n", "--keep-last", "0")
    assert code == 1
    assert "Delete 2 sessions, " in shown
    assert f"of {folder}? [y/N]" in shown
    assert shown.endswith("nothing is deleted")
    assert files_in(Path(folder)) == before


def test_after_a_yes_it_says_what_went_and_how_far_it_is(folder: str) -> None:
    code, shown = answered(folder, "y", "--keep-last", "0")
    assert code == 0
    assert "pruning 2 sessions " in shown
    assert "with 2 messages of PraisonAI in 1 session file pruned; 1 session of " in shown
    assert shown.count("stays: turn") == 1, "that was said before"
    assert ids(folder) == {"open"}


def test_with_yes_nobody_is_asked_and_what_stays_is_said(folder: str) -> None:
    result = journal("prune", "--keep-last", "0", "--yes", "--dir", folder)
    assert result.returncode == 0
    assert result.stdout.startswith("open  stays: ")
    assert " pruned; 1 session of " in result.stderr
    assert journal("prune", "--keep-last", "0", "-y", "--force", "--dir", folder).returncode == 0
    assert ids(folder) == set()


def test_the_document_has_it_all(folder: str) -> None:
    args = ["prune", "--keep-last", "0", "-o", "json", "--dir", folder]
    dry = json.loads(journal(*args, "--dry-run").stdout)
    found = json.loads(journal(*args, "--yes").stdout)
    assert (dry.pop("dry_run"), found.pop("dry_run")) == (True, False)
    assert dry == found
    assert {one["session_id"]: one["messages"] for one in found["sessions"]} == {"a": 0, "b": 2}
    assert [(one["session_id"], one["why"]) for one in found["kept"]] == [("open", "open_turn")]
    assert found["size"] == sum(one["size"] for one in found["sessions"])
    assert (found["seen"], found["left"] > 0, found["history_only"]) == (3, True, False)


def test_names_and_patterns_choose(folder: str) -> None:
    assert journal("prune", "[ab]", "--keep-last", "1", "-y", "--dir", folder).returncode == 0
    assert len(ids(folder)) == 2
    missing = journal("prune", "opne", "--keep-last", "0", "-y", "--dir", folder)
    assert missing.returncode == 3
    assert "did you mean 'open'?" in missing.stderr


def test_only_history_goes(folder: str) -> None:
    with DefaultSessionStore(folder, durability="os") as store:
        for number in range(3):
            store.set_runtime_state("a", "native", "turn", {"n": number})
        store.compact("a")
    result = journal("prune", "--archives", "--keep-last", "0", "-y", "--dir", folder)
    assert result.returncode == 0
    assert "the history of 1 session, 1 archive, " in result.stderr
    assert not list((Path(folder) / "archive").iterdir())
    assert ids(folder) == {"a", "b", "open"}


def test_a_size_that_cannot_be_met_is_said(folder: str) -> None:
    result = journal("prune", "--max-size", "0", "-y", "--dir", folder)
    assert result.returncode == 0
    assert "more than the 0 B that were asked for" in result.stderr
    assert ids(folder) == {"open"}


def test_what_could_not_be_deleted_fails(folder: str) -> None:
    code = after(
        "from journal.engines.files.storage import DiskStorage\n"
        "def truncate(fd, length): raise PermissionError(1, 'not permitted')\n"
        "DiskStorage.truncate = staticmethod(truncate)"
    )
    result = journal("prune", "--keep-last", "0", "-y", "--dir", folder, code=code)
    assert result.returncode == 1
    assert "a  stays: session 'a': cannot be deleted: not permitted" in result.stdout
    assert ids(folder) == {"a", "b", "open"}


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ([], "say what is to go"),
        (["--keep-last", "1"], "there is nobody to ask"),
        (["--older-than", "30", "-y"], "'30' is not a duration"),
        (["--max-size", "two", "-y"], "'two' is not a size"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(folder: str, args: list[str], why: str) -> None:
    result = journal("prune", *args, "--dir", folder)
    assert result.returncode == 2
    assert why in " ".join(result.stderr.split())
    assert ids(folder) == {"a", "b", "open"}
