"""A copy of a whole folder: what is in it, and when it appears."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest
from praisonaiagents.session.store import DefaultSessionStore as PraisonAIStore

from journal.errors import StorageError
from projections import DefaultSessionStore
from projections.backup import back_up
from projections.copying import Backup
from tests.projections.doctor.examining import examine
from tests.support import FaultyStorage, files_in, no_fault, state_in

ODD = ["s", "a/b", "a_b", "", "x" * 300, "größe"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sessions with all kinds of names, one compacted, one of PraisonAI's alone."""
    folder = tmp_path / "sessions"
    assert PraisonAIStore(session_dir=str(folder)).add_user_message("older", "hello")
    with DefaultSessionStore(folder) as store:
        for session in ODD:
            store.set_runtime_state(session, "native", "t", {"n": 1})
            store.set_runtime_state(session, "native", "t", {"n": 2})
        store.compact("s")
        store.set_runtime_state("s", "native", "t", {"n": 3})
    return folder


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "copy"


def copy(folder: Path, to: Path, fault: Callable[..., Any] = no_fault, **options: Any) -> Backup:
    return back_up(FaultyStorage(fault), str(folder), str(to), **options)


def test_all_sessions_are_copied_with_all_that_belongs_to_them(folder: Path, to: Path) -> None:
    (folder / "notes.txt").write_text("not ours")
    (folder / "s.jsonl.new").write_text("scratch")
    backup = copy(folder, to)
    assert backup.ok
    assert backup.folder == str(to)
    assert {report.session_id for report in backup.reports} == set(ODD)
    assert backup.older == ["older"]
    assert backup.archives == 1
    assert files_in(to) == files_in(folder) - {"notes.txt", "s.jsonl.new"}
    assert not list(to.glob("*.lock"))
    assert backup.size == sum(path.stat().st_size for path in to.rglob("*") if path.is_file())
    with DefaultSessionStore(to) as store:
        for session in ODD:
            assert store.get_runtime_state(session, "native", "t") == {
                "n": 3 if session == "s" else 2
            }
        assert len(store.history("s", "native", "t")) == 3
    older = PraisonAIStore(session_dir=str(to))
    assert older.get_chat_history("older")[0]["content"] == "hello"


def test_the_doctor_has_nothing_to_say_of_a_copy(folder: Path, to: Path) -> None:
    folder.chmod(0o700)  # PraisonAI has made it
    copy(folder, to)
    assert [finding for finding in examine(str(to)) if finding.severity != "note"] == []


def test_sessions_can_be_named(folder: Path, to: Path) -> None:
    backup = copy(folder, to, session_ids=["a/b", "older"])
    assert [report.session_id for report in backup.reports] == ["a/b"]
    assert backup.older == ["older"]
    assert {name for name in files_in(to) if name.endswith(".jsonl")} == {"a%2Fb.jsonl"}
    assert files_in(to) < files_in(folder)


def test_a_session_file_that_lags_behind_is_brought_up_to_date_in_the_copy_only(
    folder: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DefaultSessionStore(folder) as store:
        monkeypatch.setattr("projections.store.refreshing.Budget.allows", lambda *_: False)
        store.set_runtime_state("s", "native", "t", {"n": 4})
        before = (folder / "s.json").read_bytes()
        copy(folder, to)
        assert (folder / "s.json").read_bytes() == before
        assert state_in(folder / "s.json") == {"native": {"t": {"n": 3}}}
        assert state_in(to / "s.json") == {"native": {"t": {"n": 4}}}


def test_a_session_file_ahead_of_the_log_that_was_copied_is_taken_back_to_it(
    folder: Path, to: Path
) -> None:
    """Somebody writes between the copying of the log and that of the session file."""
    written: list[bool] = []

    def write(name: str, args: tuple[Any, ...]) -> None:
        if name == "open" and str(args[0]) == str(folder / "s.json") and not written:
            written.append(store.set_runtime_state("s", "native", "t", {"n": 4}))

    with DefaultSessionStore(folder) as store:
        copy(folder, to, write)
    assert written == [True]
    assert state_in(folder / "s.json") == {"native": {"t": {"n": 4}}}
    assert state_in(to / "s.json") == {"native": {"t": {"n": 3}}}


def test_the_modes_of_the_folders_are_kept(folder: Path, to: Path) -> None:
    folder.chmod(0o2770)
    (folder / "archive").chmod(0o2750)
    copy(folder, to)
    assert stat.S_IMODE(to.stat().st_mode) == 0o2770
    assert stat.S_IMODE((to / "archive").stat().st_mode) == 0o2750


def test_a_folder_that_cannot_be_written_is_copied_all_the_same(folder: Path, to: Path) -> None:
    def fault(name: str, args: tuple[Any, ...]) -> None:
        """As on a read-only mount."""
        if name == "open" and str(args[0]).startswith(str(folder)):
            assert args[1] == os.O_RDONLY
        elif name in ("unlink", "rename", "link", "make_folder"):
            assert not any(str(arg).startswith(str(folder)) for arg in args)

    before = files_in(folder)
    assert copy(folder, to, fault).ok
    assert files_in(folder) == before


@pytest.mark.parametrize("there", ["a file", "a full folder", "a link to nowhere"])
def test_what_is_there_is_not_touched(there: str, folder: Path, to: Path) -> None:
    if there == "a file":
        to.write_text("mine")
    elif there == "a full folder":
        to.mkdir()
        (to / "mine").write_text("mine")
    else:
        to.symlink_to(to.with_name("nowhere") / "x")
    before = sorted(os.listdir(folder.parent))
    with pytest.raises(StorageError, match=r"copy|nowhere"):
        copy(folder, to)
    assert sorted(os.listdir(folder.parent)) == before
    if there == "a full folder":
        assert os.listdir(to) == ["mine"]


def test_an_empty_folder_may_be_there(folder: Path, to: Path) -> None:
    to.mkdir()
    assert copy(folder, to).ok
    assert files_in(to) == files_in(folder)


def failing(number: int) -> Iterator[Exception | None]:
    yield from [None] * number
    while True:
        yield OSError(ENOSPC, os.strerror(ENOSPC))


@pytest.mark.parametrize("call", ["write", "sync", "sync_folder", "read", "size"])
def test_a_backup_that_fails_leaves_nothing_behind(call: str, folder: Path, to: Path) -> None:
    """At the first such call, the second, and so on until it succeeds."""
    before = sorted(os.listdir(folder.parent))
    for number in range(200):
        left = failing(number)

        def fault(name: str, args: tuple[Any, ...], left: Any = left) -> None:
            if name == call and (error := next(left)) is not None:
                raise error

        try:
            copy(folder, to, fault, session_ids=["s"])
            break
        except StorageError as error:
            message = str(error)
        assert "No space left on device" in message
        assert sorted(os.listdir(folder.parent)) == before
    assert number > 1
    assert to.exists()


def test_damage_is_copied_and_told_of_under_the_name_of_the_copy(folder: Path, to: Path) -> None:
    log = folder / "s.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"n":2', b'"n":7'))
    (folder / "a_b.json").write_text("{")
    (folder / "archive" / "s.2.jsonl.gz").write_bytes(b"no gzip")
    backup = copy(folder, to)
    assert not backup.ok
    (report,) = [report for report in backup.reports if not report.ok]
    assert report.session_id == "s"
    for problem in report.problems:
        assert problem.where.startswith(str(to))
        assert ".new" not in problem.reason
    assert (to / "s.jsonl").read_bytes() == log.read_bytes()
    assert (to / "a_b.json").read_text() == "{"


def test_a_session_file_that_goes_away_while_it_is_copied_is_left_out(
    folder: Path, to: Path
) -> None:
    def remove(name: str, args: tuple[Any, ...]) -> None:
        if name == "open" and str(args[0]) == str(folder / "older.json"):
            (folder / "older.json").unlink(missing_ok=True)

    backup = copy(folder, to, remove)
    assert backup.ok
    assert backup.older == []


def test_a_restored_copy_goes_on(folder: Path, to: Path) -> None:
    copy(folder, to)
    with DefaultSessionStore(to) as store:
        head = store.verify("s").head
        store.set_runtime_state("s", "native", "t", {"n": 5})
        report = store.verify("s", head)
        assert report.ok
        assert report.head is not None
        assert report.head.seq == 4
    assert json.loads((to / "s.json").read_bytes())["session_id"] == "s"
