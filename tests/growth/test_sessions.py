"""Folders of many sessions: what a call does for one does not grow with the others."""

import gc
import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import journal
from journal import errors
from journal.engines.files.storage import DiskStorage
from journal.past import Past
from journal.reports import SessionInfo
from projections import DefaultSessionStore, writers
from projections.cli.group import cli
from projections.cli.terminal import progress
from projections.summary import Summary
from tests.growth.counting import calls
from tests.support import FaultyStorage


def folder_of(path: Path, sessions: int) -> Path:
    with DefaultSessionStore(path, durability="os") as store:
        for number in range(sessions):
            store.set_runtime_state(f"s-{number}", "native", "turn", {"n": number})
    return path


@pytest.fixture
def entries_seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The entries of folders that anybody is given."""
    seen: list[str] = []
    scandir = os.scandir

    class Watched:
        def __init__(self, path: str) -> None:
            self._entries = scandir(path)

        def __enter__(self) -> "Watched":
            return self

        def __exit__(self, *_: object) -> None:
            self._entries.close()

        def __iter__(self) -> Iterator["os.DirEntry[str]"]:
            for entry in self._entries:
                seen.append(entry.name)
                yield entry

    monkeypatch.setattr(os, "scandir", Watched)
    return seen


@pytest.mark.parametrize("command", [["verify"], ["compact", "--all"]], ids=" ".join)
def test_a_command_for_all_sessions_lists_the_folder_no_oftener_for_more_of_them(
    tmp_path: Path,
    entries_seen: list[str],
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
) -> None:
    monkeypatch.setattr(progress, "is_shown", lambda: True)

    def cost(sessions: int) -> float:
        folder = folder_of(tmp_path / str(sessions), sessions)
        entries_seen.clear()
        result = CliRunner().invoke(cli, [*command, "--dir", str(folder)])
        assert result.exit_code == 0, result.output
        return len(entries_seen) / sessions

    assert cost(40) <= 1.1 * cost(20)


@pytest.mark.parametrize(
    ("args", "summed_up"),
    [
        (["-n", "3"], 3),
        (["native", "-n", "3"], 3),
        (["-n", "0"], 0),
        (["-o", "name"], 0),
        (["-o", "name", "--sort", "age", "-n", "3"], 0),
        (["--sort", "turns", "-n", "3"], 20),
    ],
)
def test_the_listing_sums_up_no_more_sessions_than_it_has_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], summed_up: int
) -> None:
    folder = folder_of(tmp_path / "sessions", 20)
    seen: list[str] = []
    summary = DefaultSessionStore.summary

    def noted(store: DefaultSessionStore, info: SessionInfo) -> Summary:
        seen.append(info["session_id"])
        return summary(store, info)

    monkeypatch.setattr(DefaultSessionStore, "summary", noted)
    result = CliRunner().invoke(cli, ["sessions", *args, "--dir", str(folder)])
    assert result.exit_code == 0, result.output
    assert len(seen) == len(set(seen)) == summed_up


def test_a_session_more_in_the_listing_costs_few_calls(tmp_path: Path) -> None:
    """Of functions written in Python, for a short session whose turn is open, into a pipe.

    About 130 list it and read its log, 60 sum it up and judge it, 115 print its line.
    """

    def cost(sessions: int) -> int:
        folder = tmp_path / str(sessions)
        with DefaultSessionStore(folder, durability="os") as store:
            for number in range(sessions):
                store.set_runtime_state(f"s-{number}", "native", "turn", {"status": "open"})
        command = ["sessions", "--dir", str(folder)]
        return min(calls(lambda: CliRunner().invoke(cli, command)).number for _ in range(3))

    assert cost(40) - cost(20) <= 320 * 20


def test_the_processes_of_the_machine_are_looked_at_once_for_all_open_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    machine = writers._machine

    def counted(proc: str) -> Any:
        nonlocal looks
        looks += 1
        return machine(proc)

    monkeypatch.setattr(writers, "_machine", counted)
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for number in range(10):
            store.set_runtime_state(f"s-{number}", "native", "turn", {"status": "open"})
    result = CliRunner().invoke(cli, ["sessions", "--dir", str(tmp_path)])
    assert (result.exit_code, looks) == (0, 1)


def test_the_listing_reads_the_ids_of_session_files_and_not_their_messages(
    tmp_path: Path,
) -> None:
    def cost(messages: int) -> int:
        folder = tmp_path / str(messages)
        folder.mkdir()
        for number in range(10):
            written = {"session_id": f"user/{number}", "messages": ["x" * 1000] * messages}
            (folder / f"user_{number}.json").write_text(json.dumps(written, indent=2))
        read = 0

        def count(name: str, args: tuple[Any, ...]) -> None:
            nonlocal read
            if name == "read":
                read += len(DiskStorage.read(*args))

        with DefaultSessionStore(folder, storage=FaultyStorage(count)) as store:
            found = {info["session_id"] for info in store.list_sessions()}
        assert found == {f"user/{number}" for number in range(10)}
        return read

    assert cost(200) == cost(100) > 0


@pytest.mark.parametrize(
    "text",
    [
        '{"messages": [], "session_id": "user/1"}',
        '{"session_id": "user\\/1", "messages": [NaN]}',
        '\n {\n  "session_id" :\t"\\u0075ser/1"}',
        '{"session_id": "user/1", "other": "' + "y" * 9000 + '"}',
    ],
    ids=["id last", "NaN", "spelled otherwise", "long"],
)
def test_the_id_of_a_session_file_is_found_wherever_it_stands(tmp_path: Path, text: str) -> None:
    (tmp_path / "user_1.json").write_text(text)
    with DefaultSessionStore(tmp_path) as store:
        assert [info["session_id"] for info in store.list_sessions()] == ["user/1"]


def test_every_error_can_be_imported_from_the_root() -> None:
    raised = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert {name for name in raised if name.endswith("Error")} <= set(journal.__all__)


def test_an_audit_of_all_sessions_is_linear_and_holds_one_at_a_time(
    tmp_path: Path, entries_seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[int] = []
    past_of = DefaultSessionStore.past

    def past(self: DefaultSessionStore, *args: Any, **options: Any) -> Past | None:
        alive.append(sum(type(each) is Past for each in gc.get_objects()))
        return past_of(self, *args, **options)

    monkeypatch.setattr(DefaultSessionStore, "past", past)
    assert type(past_of(DefaultSessionStore(folder_of(tmp_path / "1", 1)), "s-0")) is Past
    seen, steps_of = {}, {}
    for number in (4, 8):
        folder = folder_of(tmp_path / f"{number}", number)
        entries_seen.clear()
        args = ["handoffs", "--all", "--dir", str(folder)]
        assert CliRunner().invoke(cli, args).exit_code == 0
        seen[number] = len([name for name in entries_seen if name.endswith(".jsonl")])
        steps_of[number] = calls(partial(CliRunner().invoke, cli, args)).number
    assert seen[8] == 2 * seen[4] > 0, "the folder is listed no oftener for more sessions"
    assert max(alive) <= 1, "one session's history is let go before the next is read"
    assert steps_of[8] <= 2.1 * steps_of[4]
