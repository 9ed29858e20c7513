"""What the remedies say is carried out, until the doctor is content."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from projections.doctor import Finding
from projections.doctor.finding import quoted
from projections.doctor.remedies import Remedy
from tests.projections.doctor.examined import IN_LOG, after, findings, follow, serious
from tests.projections.doctor.examining import examine
from tests.projections.doctor.faults import (
    FAULTS,
    append,
    healthy,
    write,
)
from tests.projections.doctor.ways import ELSEWHERE, LATER, WAYS
from tests.support import (
    files_in,
)


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
    found = examined(folder)
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
    assert serious(examined(folder)) == []


def examined(folder: Path) -> list[Finding]:
    """As `findings`, without a look whether that changes anything."""
    return examine(str(folder))


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


@pytest.mark.parametrize(
    "fault",
    [
        "a deletion that died",
        "a deletion of a saved session that died",
        "a deletion that died late",
    ],
)
def test_the_remedy_for_a_deletion_leaves_nothing_of_the_session(
    tmp_path: Path, fault: str
) -> None:
    follow(after(fault, tmp_path))
    assert files_in(tmp_path) == set()


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
