"""`journal backup`: what it prints, its exit codes, and what it leaves when it is ended."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.terminal import after, journal
from tests.support import files_in, finish_maintenance


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "sessions")


@pytest.fixture
def store(folder: str) -> Iterator[DefaultSessionStore]:
    with DefaultSessionStore(folder, durability="os") as store:
        for session in ("a", "b"):
            for number in range(4):
                store.set_runtime_state(session, "native", "t", {"n": number})
        store.compact("a")
        finish_maintenance(store)
        yield store


@pytest.fixture
def to(tmp_path: Path) -> str:
    return str(tmp_path / "copy")


def test_it_prints_what_is_in_the_copy(folder: str, store: DefaultSessionStore, to: str) -> None:
    result = journal("backup", to, "--dir", folder)
    assert (result.returncode, result.stderr) == (0, "")
    a, b, whole = result.stdout.splitlines()
    assert a == f"a  intact  1 event, 4 archived  head {store.verify('a').head}"
    assert b.startswith("b  intact  4 events  head ")
    assert re.fullmatch(re.escape(to) + r"  2 sessions, 1 archive, \d\.\d KiB", whole)
    assert journal("verify", "--dir", to).returncode == 0
    with DefaultSessionStore(to) as copy:
        assert [version.event.seq for version in copy.history("a", "native", "t")] == [1, 2, 3, 4]


def test_sessions_can_be_named(folder: str, store: DefaultSessionStore, to: str) -> None:
    result = journal("backup", to, "b", "--dir", folder, "-o", "json")
    document = json.loads(result.stdout)
    assert [item["session_id"] for item in document["sessions"]] == ["b"]
    assert (document["folder"], document["ok"], document["archives"]) == (to, True, 0)
    assert document["size"] == sum((Path(to) / name).stat().st_size for name in files_in(Path(to)))
    other = f"{to}-2"
    assert journal("backup", other, "b", "c", "--dir", folder).returncode == 3
    assert not os.path.exists(other)


def test_a_folder_in_which_something_is_is_a_usage_error(
    folder: str, store: DefaultSessionStore, to: str
) -> None:
    os.mkdir(to)
    assert journal("backup", to, "--dir", folder).returncode == 0
    before = {name: (Path(to) / name).read_bytes() for name in files_in(Path(to))}
    result = journal("backup", to, "--dir", folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert "new or empty" in result.stderr
    assert {name: (Path(to) / name).read_bytes() for name in files_in(Path(to))} == before


def test_where_nothing_can_be_made_is_named(
    folder: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    result = journal("backup", str(tmp_path / "no" / "copy"), "--dir", folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"the folder {tmp_path / 'no'} does not exist; make it first" in result.stderr
    result = journal("backup", "", "--dir", folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert "DIR is empty" in result.stderr


@pytest.mark.parametrize("name", ["archive/x", "inside", "archive", "."])
def test_no_copy_is_made_inside_the_folder(
    name: str, folder: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(folder)
    before = files_in(Path(folder))
    for way in (folder, str(tmp_path / "link")):
        result = journal("backup", f"{way}/{name}", "--dir", folder)
        assert (result.returncode, result.stdout) == (2, "")
        assert "must be" in result.stderr or "is not empty" in result.stderr
    assert files_in(Path(folder)) == before


MAKERS: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a FIFO": os.mkfifo,
    "a symbolic link": lambda path: path.symlink_to("elsewhere"),
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(
    ("name", "what"), [("a.jsonl", "the session"), ("a.json", "what PraisonAI keeps in it")]
)
def test_what_is_no_file_is_not_left_out_in_silence(
    kind: str,
    name: str,
    what: str,
    folder: str,
    to: str,
    store: DefaultSessionStore,
) -> None:
    store.close()
    path = Path(folder, name)
    path.unlink()
    MAKERS[kind](path)
    result = journal("backup", to, "--dir", folder)
    assert result.returncode == 4, result.stderr
    assert f"is {kind}, not a file: {what} is not in the copy" in result.stdout
    assert f"{path}\n" in result.stdout
    assert "things that are not files are not in the copy" in result.stderr
    assert name == "a.json" or not os.path.lexists(Path(to, name)), "made anew from the log"
    assert re.search("^b  intact", result.stdout, re.MULTILINE), "the others are copied"
    assert f"{to}  2 sessions, " in result.stdout, "the other file of that session is"
    again = journal("backup", f"{to}-2", "--dir", folder, "-o", "json")
    document = json.loads(again.stdout)
    assert (again.returncode, document["ok"]) == (4, False)
    left = [item for item in document["sessions"] if not item["ok"]]
    assert [(item["session_id"], item["problems"][0]["where"]) for item in left] == [
        ("a", str(path))
    ]


@pytest.mark.parametrize("kind", MAKERS)
def test_a_session_that_was_named_and_is_no_file_is_refused_or_reported(
    kind: str, folder: str, to: str, store: DefaultSessionStore
) -> None:
    store.close()
    path = Path(folder, "a.jsonl")
    path.unlink()
    MAKERS[kind](path)
    result = journal("backup", to, "a", "b", "--dir", folder)
    assert result.returncode in (1, 4)
    assert str(path) in result.stdout + result.stderr


def test_one_file_that_cannot_be_read_says_how_to_copy_the_others(
    folder: str, store: DefaultSessionStore, to: str
) -> None:
    (archive,) = Path(folder, "archive").glob("a.*.jsonl*")
    archive.rename(Path(folder).parent / "moved")
    archive.symlink_to(Path(folder).parent / "moved")
    result = journal("backup", to, "--dir", folder)
    assert (result.returncode, result.stdout) == (1, "")
    assert "Nothing was backed up; mend the file, or name the sessions to copy" in result.stderr
    assert str(archive) in result.stderr
    assert journal("backup", to, "b", "--dir", folder).returncode == 0


def test_a_session_named_twice_is_copied_once(
    folder: str, store: DefaultSessionStore, to: str
) -> None:
    result = journal("backup", to, "b", "b", "--dir", folder, "-o", "json")
    document = json.loads(result.stdout)
    assert document["size"] == sum((Path(to) / name).stat().st_size for name in files_in(Path(to)))


def test_damage_is_copied_and_the_code_is_4(
    folder: str, store: DefaultSessionStore, to: str
) -> None:
    log = Path(folder, "b.jsonl")
    log.write_bytes(log.read_bytes().replace(b'"n":1', b'"n":7'))
    result = journal("backup", to, "--dir", folder)
    assert result.returncode == 4
    assert re.search(r"^a  intact", result.stdout, re.MULTILINE)
    assert re.search(r"^b  DAMAGED", result.stdout, re.MULTILINE)
    assert f"{to}/b.jsonl, byte" in result.stdout
    assert Path(to, "b.jsonl").read_bytes() == log.read_bytes()
    again = journal("backup", f"{to}-2", "--dir", folder, "-o", "json")
    assert again.returncode == 4
    assert json.loads(again.stdout)["ok"] is False


_ENDED = """
import os, sys
from journal.engines.files.storage import DiskStorage
read = DiskStorage.read
def ends(fd, length, offset):
    os.kill(os.getpid(), int(os.environ["NUMBER"]))
    return read(fd, length, offset)
DiskStorage.read = staticmethod(ends)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ended_in_the_middle_there_is_no_copy(
    number: signal.Signals, folder: str, store: DefaultSessionStore, to: str, tmp_path: Path
) -> None:
    store.close()
    source = Path(folder)
    before = {name: (source / name).read_bytes() for name in files_in(source)}
    env = {"NUMBER": str(int(number))}
    result = journal("backup", to, "--dir", folder, code=after(_ENDED), **env)
    assert result.returncode == (130 if number == signal.SIGINT else -number)
    assert not os.path.exists(to)
    left = [name for name in os.listdir(tmp_path) if re.fullmatch(r"\.copy\..*\.new", name)]
    assert len(left) == (number == signal.SIGKILL)
    assert {name: (source / name).read_bytes() for name in files_in(source)} == before
    assert journal("backup", to, "--dir", folder).returncode == 0
