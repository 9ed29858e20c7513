"""The doctor: each fault is made for real, found, repaired as advised, and gone."""

import gc
import json
import os
import random
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journal.config import Limits
from journal.engines.files.storage import DiskStorage
from journal.errors import JournalError, NotFoundError, StateValueError
from projections import DefaultSessionStore
from projections.doctor import Finding, environment
from projections.doctor.finding import quoted
from projections.doctor.locks import is_free
from projections.doctor.remedies import Remedy
from projections.store.session_file import SessionFile
from tests.cli.terminal import journal, shell
from tests.faults.crashes.log_operations import MOST_CALLS, OPERATIONS
from tests.faults.sizes import sized
from tests.projections.doctor_faults import (
    FAULTS,
    E,
    N,
    W,
    append,
    cut_archive,
    engine,
    healthy,
    log,
    rewrite,
    snapshot,
    use_quiet_machine,
    write,
)
from tests.projections.examining import examine
from tests.support import (
    CHANGING,
    DiesAt,
    FaultyStorage,
    Killed,
    files_in,
    finish_maintenance,
    forked,
    open_log,
)


@pytest.fixture(autouse=True)
def _quiet_machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else is at work, but in the one test that has its own name for it."""
    use_quiet_machine(monkeypatch, alone="processes" not in request.node.name)


def findings(folder: Path, *session_ids: str, **options: Any) -> list[Finding]:
    """What is found, having made sure that finding it changed nothing."""
    gc.collect()  # closes what a killed process would not have open any more
    before = snapshot(folder)
    found = examine(str(folder), session_ids or None, **options)
    assert snapshot(folder) == before
    return found


def kinds(found: list[Finding]) -> set[tuple[str, str]]:
    return {(finding.severity, finding.kind) for finding in found}


def serious(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.severity != "note"]


def commands_in(finding: Finding) -> list[str]:
    return re.findall("`([^`]+)`", finding.remedy)


def run(command: str) -> None:
    if command.startswith("journal ") and not set("|&;<>$`") & set(command):
        done = journal(*shlex.split(command)[1:])
        assert done.returncode == 0, (command, done.stderr)
        return
    done = shell(command)
    assert done.returncode == 0, (command, done.stderr)


def follow(found: list[Finding], number: int = 0) -> None:
    """Do what the remedies say: of each the command of this number."""
    for finding in found:
        run(commands_in(finding)[number])


def after(fault: str, folder: Path) -> list[Finding]:
    healthy(folder)
    FAULTS[fault][0](folder)
    return findings(folder)


def test_a_healthy_folder_has_no_findings(tmp_path: Path) -> None:
    healthy(tmp_path)
    assert findings(tmp_path) == []


@pytest.mark.parametrize("fault", ["an edited line", "a lost line"])
def test_the_only_copy_of_a_lost_turn_is_named_and_can_be_kept(tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "f"
    (finding,) = (one for one in after(fault, folder) if one.kind == "stale")
    assert "native/t1" in finding.what
    assert "nothing is lost" not in finding.what
    only = (folder / "s.json").read_bytes()
    for _ in range(2):
        run(*commands_in(finding))
    append(folder)
    assert json.loads((folder / "s.json").read_bytes()) != json.loads(only)
    kept = list((tmp_path / "f.aside").iterdir())
    assert [path.read_bytes() for path in kept] == [only, only]


def test_a_file_that_is_behind_an_intact_log_is_no_only_copy(tmp_path: Path) -> None:
    """It has what was overwritten or cleared since, which nobody misses; archives do not count."""
    healthy(tmp_path)
    before = (tmp_path / "s.json").read_bytes()
    with DefaultSessionStore(tmp_path) as store:
        store.clear_runtime_state("s", "native")
    (tmp_path / "s.json").write_bytes(before)
    assert kinds(findings(tmp_path)) == {(N, "stale")}
    cut_archive(tmp_path)
    assert kinds(findings(tmp_path)) == {(N, "stale"), (E, "archive")}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_and_nothing_else(tmp_path: Path, fault: str) -> None:
    found = after(fault, tmp_path)
    assert kinds(found) == FAULTS[fault][1], found
    assert {finding.advice.remedy for finding in found} == FAULTS[fault][3]
    for finding in found:
        assert finding.path.startswith(str(tmp_path))
        assert finding.what
        assert finding.remedy
    quick = kinds(findings(tmp_path, quick=True))
    assert {pair for pair in FAULTS[fault][1] if pair[1] not in SLOW} <= quick
    assert quick <= FAULTS[fault][1]


SLOW = {"corrupt", "gap", "order", "kept", "archive", "base", "torn"} | {"stale", "limits", "dead"}
"""What cannot be seen without reading every line, nor need be."""


# What the remedies say, done. Of one that has two ways, both are gone.

Way = Callable[[Path, Finding, Path], object]
"""Takes the folder, what was found, and a backup from before the fault."""


def command(number: int = 0) -> Way:
    def way(folder: Path, finding: Finding, backup: Path) -> None:
        run(commands_in(finding)[number].replace("/backup/", f"{backup}/"))

    return way


def from_backup(folder: Path, finding: Finding, backup: Path) -> None:
    path = Path(finding.path).relative_to(folder)
    if not (backup / path).exists():  # it was not there, or was packed
        path = path.with_name(f"{path.name}.gz")
    if (backup / path).exists():
        shutil.copy(backup / path, folder / path)
    else:
        Path(finding.path).unlink()


def next_write(folder: Path, finding: Finding, backup: Path) -> None:
    session_id = finding.session_id
    if session_id is None:
        session_id = json.loads(Path(finding.path).read_bytes())["session_id"]
    append(folder, session_id)


def next_compaction(folder: Path, finding: Finding, backup: Path) -> None:
    append(folder)
    append(folder)
    engine(folder).compact("s")


def raise_limits(folder: Path, finding: Finding, backup: Path) -> None:
    """The store is given what the remedy says; this doctor too, which has no other way to know."""
    wanted = re.search(
        r"`limits=Limits\(turn_bytes=([\d_]+), runtime_bytes=([\d_]+)\)`", finding.remedy
    )
    assert wanted is not None
    limits = Limits(int(wanted[1]), int(wanted[2]), on_exceed="reject")
    with DefaultSessionStore(folder, limits=limits) as store:
        store.set_runtime_state("s", "native", "big", {})
    assert findings(folder, limits=limits) == []
    run(commands_in(finding)[1])


def know_format_2(folder: Path, finding: Finding, backup: Path) -> None:
    """Stands for the upgrade."""
    for module in ("scan", "engines.files.verification", "engines.files.validation"):
        LATER.setattr(f"journal.{module}.FORMAT", 2)


LATER = pytest.MonkeyPatch()


WAYS: dict[Remedy, tuple[Way, ...]] = {
    **{
        remedy: (command(),)
        for remedy in (
            *(Remedy.CHMOD, Remedy.PUT_TARGET_IN_PLACE, Remedy.MOVE_AWAY, Remedy.RENAME_BACK),
            *(
                Remedy.MOVE_COPY_AWAY,
                Remedy.RESTORE_LINES,
                Remedy.TAKE_OUT,
                Remedy.REMOVE,
                Remedy.RESTORE_AGAIN,
            ),
            *(Remedy.KEEP_OR_REMOVE, Remedy.FINISH_PACKING, Remedy.LOOK_AND_REMOVE),
            *(Remedy.COMPACT, Remedy.DROP_HISTORY),
        )
    },
    **{
        remedy: (from_backup, command())
        for remedy in (
            *(Remedy.RESTORE_OR_MOVE_AWAY, Remedy.RESTORE_OR_COMPACT, Remedy.RESTORE_OR_DROP),
            *(Remedy.RESTORE_OR_RENEW, Remedy.COPY_ARCHIVE),
        )
    },
    **{
        remedy: (next_write, command())
        for remedy in (
            *(Remedy.COMPACT_AGAIN, Remedy.FINISH_DELETION, Remedy.WAIT_FOR_REFRESH),
            Remedy.RESTORE_OR_REMOVE,
        )
    },
    Remedy.RESTORE_LINES_OR_COMPACT: (command(0), command(1)),
    Remedy.COPY_SESSION_FILE: (command(),),
    Remedy.REMOVE_LINK: (command(),),
    Remedy.WAIT_FOR_WRITE: (next_write, from_backup),
    Remedy.RESTORE_SESSION_FILE: (from_backup,),
    Remedy.RESTORE_MESSAGES: (from_backup, next_write),
    Remedy.REMOVE_NAME: (next_compaction, command()),
    Remedy.RAISE_LIMITS: (raise_limits,),
    Remedy.CHECK_CLOCK: (next_write,),
    Remedy.UPGRADE: (know_format_2,),
}
ELSEWHERE = {
    # in TestSurroundings and in the tests of what the system refuses
    *(Remedy.MOVE_FOLDER, Remedy.MAKE_ROOM, Remedy.PUT_ARCHIVE_IN_PLACE),
    *(Remedy.CHECK_DISK, Remedy.FIND_WHAT_DENIES),
    # in test_doctor_access
    *(Remedy.CHMOD_AS_ROOT, Remedy.CHOWN, Remedy.CHGRP, Remedy.REMOVE_UNLESS_LOCKED),
    *(Remedy.RUN_AS_OWNER, Remedy.RUN_AS_MEMBER),
}


def test_no_remedy_is_left_out() -> None:
    """Every one there is comes out of a fault here, or is carried out by another test."""
    here = {remedy for case in FAULTS.values() for remedy in case[3]}
    assert here == WAYS.keys()
    assert here | ELSEWHERE == set(Remedy)
    assert not here & ELSEWHERE


MOST_ROUNDS = 5


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A healthy folder, from before each fault."""
    folder = tmp_path_factory.mktemp("backup") / "s"
    healthy(folder)
    write("o.json", b'{"session_id":"o"}')(folder)
    return folder


def ways_of(fault: str) -> range:
    """The numbers of the ways in which a fault can be mended."""
    return range(max(len(WAYS[remedy]) for remedy in FAULTS[fault][3]))


@pytest.mark.parametrize(
    ("fault", "way"), [(fault, way) for fault in FAULTS for way in ways_of(fault)]
)
def test_what_the_remedies_say_leads_to_a_clean_doctor(
    tmp_path: Path, backup: Path, fault: str, way: int, request: pytest.FixtureRequest
) -> None:
    """Round by round: what one has mended may show what was behind it."""
    request.addfinalizer(LATER.undo)
    folder = tmp_path / "s"
    shutil.copytree(backup, folder)
    (folder / "o.json").unlink()
    FAULTS[fault][0](folder)
    found = findings(folder)
    assert {finding.advice.remedy for finding in found} == FAULTS[fault][3]
    wrong = found  # notes as well, in the first round
    rounds = 0
    while wrong and rounds < MOST_ROUNDS:
        for finding in wrong:
            if finding in found:  # or another remedy has mended it too
                ways = WAYS[finding.advice.remedy]
                ways[min(way, len(ways) - 1)](folder, finding, backup)
                found = examined(folder)
        wrong = serious(found)
        rounds += 1
    append(folder)
    assert serious(findings(folder)) == []


def examined(folder: Path) -> list[Finding]:
    """As `findings`, without a look whether that changes anything."""
    return examine(str(folder))


IN_LOG = ["an edited line", "a lost line"]
IN_ARCHIVE = ["an archive is missing", "an archive is cut", "an archive is edited"]
DAMAGED = [
    name for name, case in FAULTS.items() if case[2] == 4 and (E, "session-file") not in case[1]
]


@pytest.mark.parametrize("fault", ["a kept line lost", "a kept line damaged"])
def test_a_kept_event_that_an_archive_has_whole_is_named_with_its_place(
    tmp_path: Path, fault: str
) -> None:
    """Event 6, the last set of turn t2 before the second compaction."""
    found = [finding for finding in after(fault, tmp_path) if finding.is_damage]
    assert found
    for finding in found:
        assert re.search(r"event \d is whole in archive/s.9.jsonl.gz", finding.what), finding
        assert commands_in(finding) == [f"journal doctor --restore s --dir {tmp_path}"]


@pytest.mark.parametrize("fault", IN_LOG)
def test_compaction_leaves_the_damage_of_a_log_behind(tmp_path: Path, fault: str) -> None:
    follow([finding for finding in after(fault, tmp_path) if finding.is_damage], 1)
    left = serious(findings(tmp_path))
    assert all("archive" in finding.path for finding in left), left


@pytest.mark.parametrize("fault", ["half a header", "a compaction that died sealed"])
def test_the_next_write_mends_it_too(tmp_path: Path, fault: str) -> None:
    (finding, *_) = after(fault, tmp_path)
    append(tmp_path, finding.session_id or "")
    left = serious(findings(tmp_path))
    assert {one.kind for one in left} <= {"leftover"}


@pytest.mark.parametrize("fault", ["a deletion that died", "a deletion that died late"])
def test_the_remedy_for_a_deletion_leaves_nothing_of_the_session(
    tmp_path: Path, fault: str
) -> None:
    follow(after(fault, tmp_path))
    assert files_in(tmp_path) == set()


# Nothing wrong


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


# The rest


def test_a_log_kept_open_by_a_writer_has_no_findings(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "native", "t", {})
        for number in range(50):
            store.set_runtime_state("s", "native", "t", {"n": number})
        assert {finding.kind for finding in findings(tmp_path)} <= {"stale"}


def test_only_the_sessions_named_are_examined(tmp_path: Path) -> None:
    after("an edited line", tmp_path)
    append(tmp_path, "fine")
    assert findings(tmp_path, "fine") == []
    assert {finding.session_id for finding in findings(tmp_path, "s")} == {"s"}
    with pytest.raises(NotFoundError, match="no session 'other'"):
        examine(str(tmp_path), ["fine", "other"])
    with pytest.raises(NotFoundError, match="no folder"):
        examine(str(tmp_path / "other"))
    with pytest.raises(StateValueError):
        examine(str(tmp_path), ["\ud800"])


def test_a_session_that_only_praisonai_has_can_be_named(tmp_path: Path) -> None:
    write("a_b.json", b'{"session_id":"a/b","runtime_state":{}}')(tmp_path)
    assert findings(tmp_path, "a/b") == []
    write("a_b.json", b'{"session_id":"a/b","runtime_state":[]}')(tmp_path)
    assert kinds(findings(tmp_path, "a/b")) == {(E, "session-file")}


def test_alike_problems_are_one_finding(tmp_path: Path) -> None:
    healthy(tmp_path)
    bad = (5, 7)
    rewrite(lambda x: [y.replace(b'"n"', b'"m"') if i in bad else y for i, y in enumerate(x)])(
        tmp_path
    )
    with DefaultSessionStore(tmp_path) as store:
        problems = store.verify("s").problems
    assert len(problems) == len(bad)
    (finding,) = [finding for finding in findings(tmp_path) if finding.is_damage]
    assert (finding.path, finding.offset) == (problems[0].where, problems[0].offset)
    assert finding.seq == problems[0].seq
    assert "1 more like it" in finding.what


def test_every_finding_of_verification_is_one_of_the_doctors(tmp_path: Path) -> None:
    for number, fault in enumerate([*IN_LOG, *IN_ARCHIVE, "half a line at the end"]):
        folder = tmp_path / str(number)
        folder.mkdir(0o700)
        found = after(fault, folder)
        with DefaultSessionStore(folder) as store:
            problems = store.verify("s").problems
        assert {problem.kind for problem in problems} == {
            finding.kind for finding in found if finding.kind != "stale"
        }, fault


def test_limits_name_the_largest_and_how_many(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for number in range(3):
            store.set_runtime_state("s", "native", f"t{number}", {"x": "y" * 10 * number})
        store.set_runtime_state("s", "harness", "t", {})
    assert findings(tmp_path, limits=Limits(turn_bytes=28, runtime_bytes=54)) == []
    (finding,) = findings(tmp_path, limits=Limits(turn_bytes=15, runtime_bytes=40))
    assert "2 turns are over the limit of 15 bytes, the largest is 't2' of 'native' with 28" in (
        finding.what
    )
    assert "1 runtime is over the limit of 40 bytes, the largest is 'native' with 54" in (
        finding.what
    )


def test_the_rule_for_dead_bytes_is_that_of_automatic_compaction(tmp_path: Path) -> None:
    """A log that a store compacts by itself never gets as far as to be reported."""
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for number in range(100):
            store.set_runtime_state("s", "native", "t", {"x": str(number % 10) * 30_000})
            finish_maintenance(store)
            if number % 7 == 0:
                assert "dead" not in {finding.kind for finding in findings(tmp_path)}
        assert store.verify("s").archived_events > 0


def test_much_may_be_dead_where_much_is_alive(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os", auto_compact=False) as store:
        for number in range(60):
            store.set_runtime_state("s", "native", f"t{number % 20}", {"x": "y" * 50_000})
    limits = Limits(1 << 20, 1 << 30)
    assert findings(tmp_path, limits=limits) == []
    with DefaultSessionStore(tmp_path, durability="os", auto_compact=False) as store:
        store.clear_runtime_state("s")
    assert kinds(findings(tmp_path)) == {(W, "dead")}


def test_a_copy_is_not_to_take_the_place_of_the_log(tmp_path: Path) -> None:
    (finding,) = after("a copied log", tmp_path)
    assert "this is a copy" in finding.remedy
    original = log(tmp_path).read_bytes()
    follow([finding])
    assert log(tmp_path).read_bytes() == original


def test_handoffs_are_never_dead(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for _ in range(20):
            store.hand_off("s", "a", "b", reason="x" * 100_000)
    assert findings(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_found(tmp_path: Path) -> None:
    healthy(tmp_path)
    os.chown(log(tmp_path), 12345, -1)
    found = findings(tmp_path)
    assert kinds(found) == {(W, "owner")}
    assert "belongs to 12345, the folder to root" in found[0].what
    follow(found)
    assert findings(tmp_path) == []


@pytest.mark.parametrize("error", [13, 5], ids=["permission", "I/O"])
def test_a_log_that_cannot_be_read_is_an_error(tmp_path: Path, error: int) -> None:
    from projections.doctor import Examination

    healthy(tmp_path)

    def fault(name: str, args: tuple[object, ...]) -> None:
        if name == "open" and str(args[0]).endswith("s.jsonl"):
            raise OSError(error, os.strerror(error))

    examination = Examination(str(tmp_path), storage=FaultyStorage(fault))
    (finding,) = [found for stem in examination.stems for found in examination.session(stem)]
    assert (finding.severity, finding.kind) == (E, "unreadable")
    assert not finding.is_damage
    assert ("something else refuses" in finding.remedy) is (error == 13)


class TestSurroundings:
    def test_a_network_file_system_is_found_by_the_longest_mount_point(
        self, tmp_path: Path
    ) -> None:
        escaped = str(tmp_path / "net work").replace(" ", "\\040")
        (tmp_path / "mounts").write_text(
            "22 1 8:1 / / rw - ext4 /dev/sda rw\n"
            f"23 22 0:5 / {escaped} rw,relatime shared:1 - nfs4 server:/x rw\n"
            f"24 23 0:6 / {escaped}/local rw - tmpfs tmpfs rw\n"
            "garbage\n"
        )
        for name, expected in (
            ("net work", {(W, "file-system")}),
            ("net work/local", set()),
            ("net workshop", set()),
        ):
            folder = tmp_path / name
            folder.mkdir(0o700)
            assert kinds(findings(folder, mounts=str(tmp_path / "mounts"))) == expected, name

    def test_a_mount_over_another_hides_it(self, tmp_path: Path) -> None:
        mounts = tmp_path / "mounts"
        mounts.write_text("1 1 8:1 / / rw - nfs4 s:/ rw\n2 1 8:1 / / rw - ext4 /dev/sda rw\n")
        assert environment.file_system_of(str(tmp_path), str(mounts)) == "ext4"

    def test_without_a_table_of_mounts_nothing_is_said(self, tmp_path: Path) -> None:
        assert findings(tmp_path, mounts=str(tmp_path / "none")) == []

    @pytest.mark.parametrize(
        ("kind", "remote"),
        [("fuse.sshfs", True), ("fuseblk", False), ("nfs4", True), ("xfs", False)],
    )
    def test_which_file_systems_are_remote(self, kind: str, remote: bool) -> None:
        assert environment._is_remote(kind) is remote

    @pytest.mark.parametrize(
        ("free", "total", "expected"),
        [(50, 100, True), (4_000, 100_000, True), (6_000, 100_000, False), (99, 200, True)],
    )
    def test_a_full_disk_is_found(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        free: int,
        total: int,
        expected: bool,
    ) -> None:
        """In millions of bytes."""
        monkeypatch.undo()

        class Room:
            f_frsize, f_bavail, f_blocks = 1000, free * 1000, total * 1000

        monkeypatch.setattr(os, "statvfs", lambda path: Room)
        found = findings(tmp_path, mounts="/dev/null")
        assert kinds(found) == ({(W, "disk")} if expected else set())

    def test_an_archive_elsewhere_is_found(self, tmp_path: Path) -> None:
        healthy(tmp_path / "s")
        (tmp_path / "s" / "archive").rename(tmp_path / "elsewhere")
        (tmp_path / "s" / "archive").symlink_to(tmp_path / "elsewhere")
        (finding,) = findings(tmp_path / "s")
        assert finding.kind == "not-a-file"
        follow([finding])
        assert findings(tmp_path / "s") == []


@pytest.mark.parametrize(
    "word", ["plain", "a b", "it's", "\x1b[31m", "ü", "", "back\\slash\n", "\udcff", "$(x)`y`"]
)
def test_words_are_quoted_so_that_a_shell_gives_them_back(word: str) -> None:
    printed = subprocess.run(
        ["bash", "-c", f"printf %s {quoted(word)}"], capture_output=True, check=True
    ).stdout
    assert os.fsdecode(printed) == word
    assert all(char.isprintable() for char in quoted(word))


@pytest.mark.parametrize("session", ["-x", "a b", "\x1b[31m", "", "ü"])
def test_commands_are_right_for_any_id_and_folder(tmp_path: Path, session: str) -> None:
    folder = tmp_path / "it's here"
    for number in range(2):
        with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
            for _ in range(30):
                store.set_runtime_state(session, "r", "t", {"x": "y" * 50_000, "n": number})
            store.set_runtime_state(session, "r", "t", {})
    (finding,) = findings(folder)
    assert finding.kind == "dead"
    follow([finding])
    assert findings(folder) == []


def test_names_of_any_bytes_can_be_reported(tmp_path: Path) -> None:
    for name in (b"\xff.jsonl", b"\xff.json", b"archive", b"\n.jsonl"):
        path = os.fsencode(tmp_path) + b"/" + name
        if name == b"archive":
            os.mkdir(path, 0o700)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    found = findings(tmp_path)
    assert (W, "misnamed") in kinds(found)
    msgspec.json.encode(found)


@sized(quick=10, storm=60)
def test_garbage_never_breaks_the_examination(tmp_path: Path, size: int) -> None:
    healthy(tmp_path)
    files = [path for path in tmp_path.rglob("s.*") if path.is_file() and path.stat().st_size]
    for seed in range(size):
        dice = random.Random(seed)
        path = dice.choice(files)
        content = path.read_bytes()
        place = dice.randrange(len(content))
        path.write_bytes(
            content[:place] + dice.randbytes(dice.randrange(9)) + content[place + 1 :]
        )
        found = findings(tmp_path)
        with DefaultSessionStore(tmp_path) as store:
            try:
                fine = store.verify("s").ok
            except JournalError:
                fine = False
        assert fine or serious(found), seed
        path.write_bytes(content)
