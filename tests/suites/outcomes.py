"""How the tests of a run went, and what of it is the mirror's fault. Pure, but for reading."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

Outcomes = dict[str, str]
"""By test, as `module.Class::name[parameters]`: passed, failed, error or skipped."""

_WORSE = {"failure": "failed", "error": "error", "skipped": "skipped"}


def outcomes_in(report: Path) -> Outcomes:
    """Those in a JUnit report of pytest's. Raises OSError and ParseError."""
    found: Outcomes = {}
    for case in ElementTree.parse(report).iter("testcase"):
        test = f"{case.get('classname')}::{case.get('name')}"
        worse = [_WORSE[part.tag] for part in case if part.tag in _WORSE]
        if found.get(test, "passed") == "passed":  # a test may be there again, with its teardown
            found[test] = worse[0] if worse else "passed"
    return found


def counts(outcomes: Outcomes) -> str:
    """`10,000 passed, 12 failed, 3 error`."""
    numbers = Counter(outcomes.values())
    return ", ".join(f"{number:,} {outcome}" for outcome, number in numbers.most_common())


def only_with(without: Outcomes, mirrored: Outcomes) -> list[str]:
    """The tests that pass without the mirror, and with it do not, or are not there at all."""
    return sorted(
        test
        for test, outcome in without.items()
        if outcome == "passed" and mirrored.get(test) != "passed"
    )


@dataclass(frozen=True)
class Written:
    """What the mirrors of a run have written."""

    events: int
    failures: int
    last_failures: tuple[str, ...]


def written_in(folder: Path) -> Written:
    """What the processes of a run have noted in the journal's folder."""
    notes = [json.loads(each.read_bytes()) for each in sorted(folder.glob("*.json"))]
    return Written(
        events=sum(note["events"] for note in notes),
        failures=sum(note["failures"] for note in notes),
        last_failures=tuple(note["last_failure"] for note in notes if note["failures"]),
    )
