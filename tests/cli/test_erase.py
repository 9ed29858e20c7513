"""`journal erase`: what is erased, what is asked and said, and how erased states are shown."""

import json
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.terminal import STYLE, Terminal, journal
from tests.erasing import SECRET, holders
from tests.support import bytes_in

LEAK = {"status": "completed", "calls": [{"result": f"key {SECRET}"}]}


@pytest.fixture
def folder(tmp_path: Path) -> str:
    with DefaultSessionStore(tmp_path, durability="os", redact=None) as store:
        store.set_runtime_state("one", "native", "a", {"n": 0})
        store.set_runtime_state("one", "native", "a", LEAK)
        store.set_runtime_state("one", "harness", "a", {"n": 1})
        store.set_runtime_state("two", "native", "b", LEAK)
        store.set_runtime_state("three", "native", "c", {"n": 2})
    return str(tmp_path)


def erased_in(folder: str) -> dict[str, list[int]]:
    with DefaultSessionStore(folder) as store:
        ids = ("one", "three", "two")
        return {
            name: [s.event.seq for s in store.replay(name) if getattr(s.event, "erased", None)]
            for name in ids
        }


def test_a_dry_run_says_what_would_go_and_changes_nothing(folder: str) -> None:
    before = bytes_in(Path(folder))
    result = journal("erase", "--grep", SECRET, "--dry-run", "--dir", folder)
    assert (result.returncode, result.stdout.splitlines()) == (
        0,
        ["two  1 state, 2 files", "one  1 state, 2 files"],
    )
    assert result.stderr == "journal: would erase 2 states of 2 sessions in 4 files\n"
    assert bytes_in(Path(folder)) == before


def test_a_pattern_is_erased_everywhere_and_that_is_said(folder: str) -> None:
    result = journal("erase", "--grep", "SK-LEAK", "-i", "--yes", "-o", "json", "--dir", folder)
    document = json.loads(result.stdout)
    assert (result.returncode, document["states"], document["searched"]) == (0, 2, 3)
    assert "if it was a secret, revoke it" in result.stderr
    assert erased_in(folder) == {"one": [2], "three": [], "two": [1]}
    assert holders(bytes_in(Path(folder))) == set()
    verified = journal("verify", "--dir", folder)
    assert verified.returncode == 0
    assert "one  intact  3 events, 1 state erased  head" in verified.stdout
    again = journal("erase", "--grep", SECRET, "--yes", "--dir", folder)
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == "journal: nothing to erase in 3 sessions\n"


@pytest.mark.parametrize(
    ("args", "erased"),
    [
        (["one", "native/a"], [1, 2]),
        (["one", "harness/a"], [3]),
        (["one", "--seq", "1", "--seq", "3"], [1, 3]),
        (["one", "native/a", "--seq", "1"], [1]),
        (["one", "--grep", "result|key"], [2]),
        (["one", "--grep", "key", "--seq", "1"], []),
        (["two", "--grep", "key"], []),
    ],
)
def test_it_can_be_said_by_place(folder: str, args: list[str], erased: list[int]) -> None:
    result = journal("erase", *args, "--yes", "--dir", folder)
    assert result.returncode == 0, result
    assert erased_in(folder)["one"] == erased


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["--grep", "x", "one"], 2, "there is nobody to ask"),
        (["--grep", "x", "--dry-run", "--yes"], 2, "--dry-run and --yes do not go together"),
        (["--grep", "(", "--yes"], 2, "not a regular expression"),
        (["--grep", "x*", "--yes"], 2, "matches an empty text"),
        (["--grep", "x", "--seq", "1", "--yes"], 2, "name that session"),
        (["-i", "one", "a", "--yes"], 2, "--ignore-case goes with --grep"),
        (["one", "--yes"], 2, "say what to erase"),
        (["one", "a", "--yes"], 2, "say which: 'native/a' or 'harness/a'"),
        (["one", "none", "--yes"], 3, "has no turn 'none'; there are 'native/a' and 'harness/a'"),
        (["--grep", "x", "nowhere", "--yes"], 3, "there is no session 'nowhere'"),
    ],
)
def test_what_is_unclear_or_missing_is_refused(
    folder: str, args: list[str], code: int, says: str
) -> None:
    before = bytes_in(Path(folder))
    result = journal("erase", *args, "--dir", folder)
    assert (result.returncode, result.stdout) == (code, "")
    assert says in result.stderr
    assert bytes_in(Path(folder)) == before


@pytest.mark.parametrize(("answer", "code", "erased"), [("n", 1, []), ("y", 0, [1])])
def test_at_a_terminal_it_asks(folder: str, answer: str, code: int, erased: list[int]) -> None:
    with Terminal("erase", "two", "b", "--dir", folder) as terminal:
        terminal.until(lambda _: "[y/N]" in terminal.raw)
        terminal.until_it_waits()
        terminal.type(f"{answer}\n")
        assert terminal.end() == code
        shown = " ".join(STYLE.sub("", terminal.raw).split())
    assert "Erase 1 state of 1 session in 1 file? There is no way back." in shown
    assert ("nothing is erased" in shown) is (answer == "n")
    assert erased_in(folder)["two"] == erased


def test_what_stays_is_said_with_exit_code_1(folder: str) -> None:
    with DefaultSessionStore(folder, redact=None) as store:
        store.hand_off("three", "native", "other", reason=SECRET)
    result = journal("erase", "--grep", SECRET, "three", "--yes", "--dir", folder)
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        "three  0 states, 0 files",
        "  stays  reason of event 2: the hash of its line covers it; delete the session to be rid "
        "of it",
    ]
    assert "nothing can be erased" in result.stderr


def test_every_command_says_that_a_state_was_erased(folder: str) -> None:
    journal("erase", "one", "--seq", "2", "--yes", "--dir", folder)

    def shown(*args: str) -> str:
        result = journal(*args, "--dir", folder)
        assert result.returncode in (0, 1), result
        assert "Traceback" not in result.stderr
        return f"{result.stdout}{result.stderr}"

    assert "native   a        (erased)" in shown("log", "one")
    assert "native   a        (erased)" in shown("replay", "one")
    assert shown("history", "one", "native", "a").splitlines()[1].endswith("(erased)")
    assert "a  (erased)" in shown("show", "one")
    assert "the state of turn 'a' was erased" in shown("show", "one", "native", "a")
    assert "(erased)" not in shown("show", "one", "--at", "1")
    assert "its state was erased" in shown("turn", "one", "native/a")
    assert "(erased)" in shown("blame", "one", "native/a")
    assert "- n: 0" in shown("diff", "one", "native/a@1", "native/a")
    for args in (["stat", "one"], ["handoffs", "one"], ["sessions"], ["export", "one"]):
        assert SECRET not in shown(*args)
    assert shown("grep", "[0-9a-f]{8}", "one") == ""


def test_documents_say_that_a_state_was_erased(folder: str) -> None:
    journal("erase", "one", "--seq", "2", "--yes", "--dir", folder)

    def document(*args: str) -> object:
        return json.loads(journal(*args, "-o", "json", "--dir", folder).stdout)

    log = document("log", "one")
    assert isinstance(log, dict)
    states = [(event["state"], len(event.get("erased", ""))) for event in log["events"]]
    assert states == [({"n": 0}, 0), ({}, 64), ({"n": 1}, 0)]
    show, turn = document("show", "one"), document("turn", "one", "native/a")
    assert isinstance(show, dict)
    assert (show["state"]["native"], show["erased"]) == ({"a": {}}, ["native/a"])
    assert isinstance(turn, dict)
    assert (turn["state"], turn["erased"]) == ({}, True)
    history, blame = (
        document("history", "one", "native", "a"),
        document("blame", "one", "native/a"),
    )
    assert isinstance(history, dict)
    assert [version["erased"] for version in history["versions"]] == [False, True]
    assert isinstance(blame, dict)
    assert [value["erased"] for value in blame["values"]] == [True]
    verify = document("verify", "one")
    assert isinstance(verify, dict)
    assert verify["sessions"][0]["erased"] == 1


def test_digests_are_forgotten_and_verify_says_so(folder: str) -> None:
    head = journal("verify", "one", "--dir", folder).stdout.split()[-1]
    journal("erase", "--grep", SECRET, "--yes", "--dir", folder)
    result = journal("erase", "one", "--seq", "2", "--forget-digest", "--yes", "--dir", folder)
    assert result.returncode == 0, result
    verified = journal("verify", "one", "--dir", folder)
    assert verified.returncode == 0
    assert "1 state erased, 2 lines after an erasure begin a new chain" in verified.stdout
    noted = journal("verify", "one", "--head", head, "--dir", folder)
    assert noted.returncode == 1
    assert "was relinked by an erasure that forgot digests" in noted.stdout
