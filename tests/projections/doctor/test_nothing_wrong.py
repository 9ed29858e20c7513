"""Whatever is done, at whatever moment: where nothing is wrong, nothing is found."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from journal.engines.files.storage import DiskStorage
from projections import DefaultSessionStore
from projections.doctor import Finding
from projections.doctor.locks import is_free
from projections.store.session_file import SessionFile
from tests.faults.crashes.log_operations import MOST_CALLS, OPERATIONS
from tests.faults.sizes import sized
from tests.projections.doctor.examined import findings, follow, serious
from tests.projections.doctor.examining import examine
from tests.projections.doctor.faults import (
    close_what_it_had_open,
    engine,
    healthy,
    log,
)
from tests.support import (
    CHANGING,
    DiesAt,
    FaultyStorage,
    Killed,
    finish_maintenance,
    forked,
    open_log,
)

SESSIONS = ["s", "a/b", "", "long" * 100, "..", "\x1b[31m", "ü"]

OPS: dict[str, Callable[[DefaultSessionStore, random.Random], object]] = {
    "set": lambda store, dice: store.set_runtime_state(
        dice.choice(SESSIONS), dice.choice("xy"), f"t{dice.randrange(5)}", {"n": dice.random()}
    ),
    "clear": lambda store, dice: store.clear_runtime_state(dice.choice(SESSIONS), "x"),
    "hand off": lambda store, dice: store.hand_off(dice.choice(SESSIONS), "x", "y"),
    "take over": lambda store, dice: store.take_over(dice.choice(SESSIONS), "y"),
    "compact": lambda store, dice: store.compact(dice.choice(SESSIONS)),
    "drop": lambda store, dice: store.compact(dice.choice(SESSIONS), "drop"),
    "delete": lambda store, dice: store.delete_session(dice.choice(SESSIONS)),
    "flush": lambda store, dice: store.flush(),
}


@sized(quick=range(3), storm=range(25))
def test_whatever_was_done_a_healthy_folder_has_no_findings(tmp_path: Path, size: range) -> None:
    for seed in size:
        folder = tmp_path / str(seed)
        folder.mkdir(0o700)
        check_work_without_findings(folder, random.Random(seed))


def check_work_without_findings(tmp_path: Path, dice: random.Random) -> None:
    for _ in range(3):
        with DefaultSessionStore(tmp_path, durability="os") as store:
            for _ in range(40):
                name = dice.choice(["set"] * 6 + list(OPS))
                OPS[name](store, dice)
            finish_maintenance(store)
            assert not serious(findings(tmp_path))
        assert findings(tmp_path) == []
        assert findings(tmp_path, quick=True) == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_in_the_middle_of_any_call_nothing_looks_wrong(tmp_path: Path, name: str) -> None:
    begin, operation, _ = OPERATIONS[name]
    begin(tmp_path)
    seen: list[Finding] = []
    looks = []

    def look(call: str, args: tuple[object, ...]) -> None:
        if call in CHANGING or call == "read":
            looks.append(call)
            seen.extend(examine(str(tmp_path)))

    before = {finding.kind for finding in examine(str(tmp_path))}  # a torn tail to repair
    operation(engine(tmp_path, FaultyStorage(look)))
    assert len(looks) >= 3
    assert not [finding for finding in serious(seen) if finding.kind not in before]


def test_in_the_middle_of_writing_a_session_file_nothing_looks_wrong(tmp_path: Path) -> None:
    healthy(tmp_path)
    seen: list[Finding] = []
    looks = []
    log, _ = open_log(tmp_path)

    def look(call: str, args: tuple[object, ...]) -> None:
        if call in CHANGING:
            looks.append(call)
            seen.extend(examine(str(tmp_path)))

    file = SessionFile(FaultyStorage(look), log.paths, durable=True)
    file.write(lambda: b'{"x":{}}', 1.0)
    assert {"write", "rename"} <= set(looks)
    assert not serious(seen)


@sized(quick=6, storm=1)
@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_a_crash_leaves_is_found_and_no_damage_and_can_be_mended(
    tmp_path: Path, name: str, size: int
) -> None:
    """Killed at every `size`th call."""
    begin, operation, _ = OPERATIONS[name]
    for number in range(0, MOST_CALLS, size):
        folder = tmp_path / str(number)
        folder.mkdir(0o700)
        begin(folder)
        death = DiesAt(number)
        try:
            operation(engine(folder, FaultyStorage(death)))
        except Killed:
            pass
        close_what_it_had_open()
        found = findings(folder)
        assert not [finding for finding in found if finding.severity == "error"], number
        strange = {path.name for path in folder.rglob("*.new")} - {"s.jsonl.new"}
        if "a deletion died" not in str(found):
            assert strange <= {os.path.basename(finding.path) for finding in found}, number
        follow([finding for finding in serious(found) if finding.kind != "torn"])
        assert {finding.kind for finding in serious(findings(folder))} <= {"torn"}, number
        if not death.dead:
            return
    raise AssertionError(f"{name} makes more than {MOST_CALLS} calls")


@sized(quick=1, storm=10)
def test_nothing_looks_wrong_while_processes_write_compact_and_delete(
    tmp_path: Path, size: int
) -> None:
    """For `size` seconds."""
    writers = [forked(WRITER, str(tmp_path), str(seed), str(size)) for seed in range(2)]
    try:
        looks = 0
        while any(writer.poll() is None for writer in writers):
            if tmp_path.exists():
                assert not serious(examine(str(tmp_path)))
                looks += 1
        assert looks > 5
    finally:
        for writer in writers:
            _, error = writer.communicate(timeout=60)
            assert writer.returncode == 0, error


WRITER = """
import random, sys, time
from journal import JournalError
from projections import DefaultSessionStore
dice = random.Random(int(sys.argv[2]))
end = time.monotonic() + int(sys.argv[3])
while time.monotonic() < end:
    with DefaultSessionStore(sys.argv[1], durability="os") as store:
        for _ in range(200):
            session = dice.choice("abc")
            try:
                what = dice.random()
                if what < 0.9:
                    turn = str(dice.randrange(9))
                    store.set_runtime_state(session, "r", turn, {"x": "y" * dice.randrange(900)})
                elif what < 0.97:
                    store.compact(session, dice.choice(["archive", "drop"]))
                else:
                    store.delete_session(session)
            except JournalError as error:
                if "another compaction" not in str(error) and "replaced" not in str(error):
                    raise
"""


def test_a_file_replaced_while_its_lock_was_waited_for_is_somebodys(tmp_path: Path) -> None:
    healthy(tmp_path)
    path = str(log(tmp_path))
    assert is_free(DiskStorage(), path)

    def replace(name: str, args: tuple[object, ...]) -> None:
        if name == "lock":
            log(tmp_path).rename(tmp_path / "old")
            shutil.copy(tmp_path / "old", path)

    assert not is_free(FaultyStorage(replace), path)
