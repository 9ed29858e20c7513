"""What the remedies say, done: of one that has two ways, both are gone."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from journal.config import Limits
from projections import DefaultSessionStore
from projections.doctor import Finding
from projections.doctor.remedies import Remedy
from tests.projections.doctor.examined import commands_in, findings, run
from tests.projections.doctor.faults import (
    append,
    engine,
)

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


def from_origin(folder: Path, finding: Finding, backup: Path) -> None:
    """The fork of a session that is intact has its beginning in the very log of that."""
    os.link(folder / "s.jsonl", finding.path)


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


def know_newer_format(folder: Path, finding: Finding, backup: Path) -> None:
    """Stands for the upgrade."""
    for module in ("scan", "engines.files.verification", "engines.files.validation"):
        LATER.setattr(f"journal.{module}.NEWEST", 9)


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
    Remedy.RESTORE_BEGINNING: (from_origin,),
    Remedy.RESTORE_MESSAGES: (from_backup, next_write),
    Remedy.REMOVE_NAME: (next_compaction, command()),
    Remedy.RAISE_LIMITS: (raise_limits,),
    Remedy.CHECK_CLOCK: (next_write,),
    Remedy.UPGRADE: (know_newer_format,),
}
ELSEWHERE = {
    # in TestSurroundings and in the tests of what the system refuses
    *(Remedy.MOVE_FOLDER, Remedy.MAKE_ROOM, Remedy.PUT_ARCHIVE_IN_PLACE),
    *(Remedy.CHECK_DISK, Remedy.FIND_WHAT_DENIES),
    # in test_doctor_access
    *(Remedy.CHMOD_AS_ROOT, Remedy.CHOWN, Remedy.CHGRP, Remedy.REMOVE_UNLESS_LOCKED),
    *(Remedy.RUN_AS_OWNER, Remedy.RUN_AS_MEMBER),
}
