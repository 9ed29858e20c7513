"""Each fault is made for real and found; what is no fault is not."""

import json
import os
import random
import re
from pathlib import Path

import msgspec
import pytest

from journal.config import Limits
from journal.errors import JournalError, NotFoundError, StateValueError
from projections import DefaultSessionStore
from tests.faults.sizes import sized
from tests.projections.doctor.examined import (
    IN_ARCHIVE,
    IN_LOG,
    after,
    commands_in,
    findings,
    follow,
    kinds,
    run,
    serious,
)
from tests.projections.doctor.examining import examine
from tests.projections.doctor.faults import (
    FAULTS,
    E,
    N,
    W,
    append,
    cut_archive,
    healthy,
    log,
    rewrite,
    write,
)
from tests.support import (
    FaultyStorage,
    finish_maintenance,
)


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


SLOW = {"corrupt", "gap", "order", "kept", "archive", "base", "torn"} | {
    "stale",
    "limits",
    "dead",
    "snapshot",
}
"""What cannot be seen without reading every line, nor need be."""


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
