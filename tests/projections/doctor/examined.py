"""An examination that changes nothing, and what it advises, done."""

import re
import shlex
from pathlib import Path
from typing import Any

from projections.doctor import Finding
from tests.cli.terminal import journal, shell
from tests.projections.doctor.examining import examine
from tests.projections.doctor.faults import (
    FAULTS,
    E,
    healthy,
    inventory,
)


def findings(folder: Path, *session_ids: str, **options: Any) -> list[Finding]:
    """What is found, having made sure that finding it changed nothing."""
    before = inventory(folder)
    found = examine(str(folder), session_ids or None, **options)
    assert inventory(folder) == before
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


IN_LOG = ["an edited line", "a lost line"]
IN_ARCHIVE = ["an archive is missing", "an archive is cut", "an archive is edited"]
DAMAGED = [
    name for name, case in FAULTS.items() if case[2] == 4 and (E, "session-file") not in case[1]
]
