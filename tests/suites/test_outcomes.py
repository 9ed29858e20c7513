"""What is read of the runs of other suites, and what of it is the mirror's fault."""

import json
from pathlib import Path

import pytest

from tests.suites.outcomes import counts, only_with, outcomes_in, written_in

REPORT = """<testsuites><testsuite>
<testcase classname="tests.test_a.TestA" name="test_1[x]"/>
<testcase classname="tests.test_a" name="test_2"><failure>no</failure></testcase>
<testcase classname="tests.test_a" name="test_3"><skipped/></testcase>
<testcase classname="tests.test_a" name="test_4"/>
<testcase classname="tests.test_a" name="test_4"><error>in its teardown</error></testcase>
</testsuite></testsuites>"""


def test_the_outcomes_of_a_report(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    assert outcomes_in(tmp_path / "report.xml") == {
        "tests.test_a.TestA::test_1[x]": "passed",
        "tests.test_a::test_2": "failed",
        "tests.test_a::test_3": "skipped",
        "tests.test_a::test_4": "error",
    }


@pytest.mark.parametrize(
    ("without", "mirrored", "blamed"),
    [
        ("passed", "passed", False),
        ("passed", "failed", True),
        ("passed", "error", True),
        ("passed", "skipped", True),
        ("passed", None, True),
        ("failed", "failed", False),
        ("failed", "passed", False),
        ("error", "failed", False),
        ("skipped", "failed", False),
    ],
)
def test_what_passes_without_the_mirror_has_to_pass_with_it(
    without: str, mirrored: str | None, blamed: bool
) -> None:
    found = {"other": "passed"} | ({"test": mirrored} if mirrored is not None else {})
    assert only_with({"test": without, "other": "passed"}, found) == ["test"] * blamed


def test_counts_name_the_most_first() -> None:
    outcomes = {f"test_{number}": "passed" for number in range(1_001)} | {"other": "failed"}
    assert counts(outcomes) == "1,001 passed, 1 failed"


def test_what_the_processes_of_a_run_have_written_is_added_up(tmp_path: Path) -> None:
    for name, failures in (("gw0", 0), ("gw1", 2)):
        note = {"events": 10, "failures": failures, "last_failure": f"of {name}"}
        (tmp_path / f"{name}.json").write_text(json.dumps(note))
    found = written_in(tmp_path)
    assert (found.events, found.failures, found.last_failures) == (20, 2, ("of gw1",))


def test_nothing_is_written_by_a_mirror_that_never_was(tmp_path: Path) -> None:
    assert written_in(tmp_path).events == 0
