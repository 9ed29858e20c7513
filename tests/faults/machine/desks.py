"""Two processes at work on one folder, each at its desk, and the model that follows them.

A step is something that one of them does. It may fail or be killed on the way; then it
has happened, has not or, if it was a batch, has happened in part. The machine looks once
which it was, and the model goes on from there.
"""

import errno
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from journal.engines.files.directory import Directory
from journal.engines.files.follower import FileFollower
from journal.engines.files.log import LogOptions
from journal.engines.files.resuming import thaw
from journal.errors import AppendError, JournalError
from journal.events import Cursor
from journal.reports import VerifyReport
from projections import DefaultSessionStore
from projections.store.background import Job, Maintenance
from tests.faults.machine.model import (
    Fault,
    Finding,
    Model,
    Process,
    ShortAt,
    TearsAt,
    Told,
    header_in,
)
from tests.faults.snapshots import end_of, of_any_log
from tests.support import DiesAt, FailsAt, Killed

Trouble = tuple[str, int] | None
"""What goes wrong in a step, and at which of its calls that change something."""

TROUBLES: dict[str, Callable[[int], Fault]] = {
    "killed": DiesAt,
    "torn": lambda number: TearsAt(number // 4),
    "short": lambda number: ShortAt(number // 4),
    "full": lambda number: FailsAt(number, errno.ENOSPC),
    "broken": lambda number: FailsAt(number, errno.EIO),
}


class Idle(Maintenance):
    """Does nothing behind the machine's back: what packing does is one of its rules."""

    def schedule(self, name: str, job: Job, *, at_exit: bool = False) -> bool:
        return True


class Desk:
    """One of the processes that work on the folder: it may die, and is replaced."""

    def __init__(self, folder: Path) -> None:
        self.process = Process()
        self.store = DefaultSessionStore(
            folder,
            redact=None,
            lock_timeout=0.0,
            max_open=2,
            auto_compact=False,
            storage=self.process.storage,
        )
        self.store._compactor.maintenance = Idle()


class Counts:
    """What all examples of a run did."""

    def __init__(self) -> None:
        self.steps = self.killed = self.failed = self.damaged = self.compactions = 0
        self.partly = self.meanwhile = self.followed = self.lives = 0
        self.thawed = self.tampered = 0

    @property
    def rarest(self) -> int:
        """How often that happened which happened least: a run without it would prove nothing."""
        return int(min(vars(self).values()))

    def __str__(self) -> str:
        return (
            f"{self.steps:,} steps: {self.killed:,} deaths, {self.failed:,} errors, "
            f"{self.partly:,} batches in part, {self.damaged:,} lines damaged, "
            f"{self.compactions:,} compactions, {self.meanwhile:,} steps in the middle of one, "
            f"{self.lives:,} sessions, {self.followed:,} events followed; {self.thawed:,} logs "
            f"opened from a snapshot, {self.tampered:,} of these changed; always as the model"
        )


class DeskMachine(RuleBasedStateMachine):
    """`models` are the sessions that are there; `ghosts` what deaths left of others.

    A ghost is a session whose deletion or creation was begun and not finished: it is not
    there for any reader, but a deletion of it may find something to finish.
    """

    counts = Counts()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="journal-machine-"))
        self.desks = [Desk(self.folder), Desk(self.folder)]
        self.disk = Directory(str(self.folder), LogOptions("os", 0.0))  # without faults
        self.models: dict[str, Model] = {}
        self.ghosts: set[str] = set()
        self.lives: dict[str, Model] = {}  # all that ever were, by log_id
        self.followers: dict[str, FileFollower] = {}
        self.copies: list[bytes] = []  # of snapshots, of all sessions
        self._saving = ExitStack()

    def begin_saving(self) -> None:
        """From now on stores save and thaw logs of any length."""

        def counted(*args: Any) -> Any:
            found = thaw(*args)
            self.counts.thawed += found is not None
            return found

        self._saving.enter_context(of_any_log())
        patch = self._saving.enter_context(pytest.MonkeyPatch.context())
        patch.setattr("journal.engines.files.catchup.thaw", counted)

    def teardown(self) -> None:
        for desk in self.desks:
            desk.store.close()
        for follower in self.followers.values():
            follower.close()
        self._saving.close()
        shutil.rmtree(self.folder)

    def path(self, session: str) -> Path:
        return Path(self.disk.paths(session).log)

    def snapshot(self, session: str) -> Path:
        return Path(self.disk.paths(session).snapshot)

    def forget_snapshot(self, session: str, offset: int) -> None:
        """Remove it if it has what stood at this offset of the log, which nobody reads again."""
        path = self.snapshot(session)
        if path.exists() and end_of(path.read_bytes()) > offset:
            path.unlink()

    # A step, whatever becomes of it

    def attempt(
        self,
        desk: int,
        session: str,
        trouble: Trouble,
        does: Callable[[DefaultSessionStore], object],
        new: list[Told] | None = None,
        deletes: bool = False,
    ) -> Any:
        """Let a desk do something that appends `new`. Returns what it returned, None if it failed.

        Afterwards the model says what has become of it.
        """
        fault: Any = TROUBLES[trouble[0]](trouble[1]) if trouble is not None else None
        new = new or []
        process = self.desks[desk].process
        process.fault = fault
        least, most, returned = 0, len(new), None
        try:
            returned = does(self.desks[desk].store)
            least = most
        except Killed:
            self.counts.killed += 1
        except JournalError as error:
            if not getattr(fault, "failed", None):
                raise  # for no reason
            self.counts.failed += 1
            if isinstance(error, AppendError):
                most = 0
        process.fault = None
        if isinstance(fault, DiesAt) and fault.dead:
            process.die()
            self.desks[desk] = Desk(self.folder)
        self.settle(session, new, least, most, deletes)
        return returned

    def settle(
        self, session: str, new: list[Told], least: int, most: int, deletes: bool = False
    ) -> None:
        """See how much of a step has happened, and let the model follow."""
        head = self.disk.verify(session).head
        model = self.models.get(session)
        if head is None:
            assert model is None or deletes, "it is gone"
            self.models.pop(session, None)
            found = 0
        else:
            if model is None:
                model = self.begun(session)
            assert head.log_id == model.log_id, "it is another log"
            found = head.seq - model.last
            assert least <= found <= most, (least, found, most)
            model.events += new[:found]
            self.follow_compaction(session, model)
        assert found >= least, "acknowledged and not there"
        self.counts.partly += 0 < found < len(new)
        is_ghost = head is None and self.path(session).exists()
        self.ghosts = self.ghosts | {session} if is_ghost else self.ghosts - {session}

    def begun(self, session: str) -> Model:
        path = self.path(session)
        model = Model(header_in(path.read_bytes()), path.name)
        assert model.now.base == 0
        assert model.log_id not in self.lives, "the log of a session that was deleted"
        self.models[session] = self.lives[model.log_id] = model
        self.counts.lives += 1
        return model

    def follow_compaction(self, session: str, model: Model) -> None:
        header = header_in(self.path(session).read_bytes())
        if header != model.now.header:
            model.compacted(header)
            self.counts.compactions += 1

    # Looking

    def after_the_lines(self, session: str) -> bytes:
        """What stands in a log after all its events: a seal, or what a dead writer left."""
        data = self.path(session).read_bytes()
        return data.split(b"\n", 1 + len(self.models[session].lines()))[-1]

    def torn(self, session: str) -> list[Finding]:
        rest = self.after_the_lines(session)
        if not rest or rest.endswith(b"}\n"):  # a seal of a compaction that died
            return []
        path = self.path(session)
        return [Finding("torn", path.name, path.stat().st_size - len(rest), len(rest))]

    def follower(self, session: str, anew: bool) -> FileFollower:
        follower = self.followers.get(session)
        if follower is None:
            follower = self.disk.follow(session)
        elif anew:
            follower.close()
            cursor = follower.cursor
            place = Cursor.parse(str(cursor)) if cursor is not None else None
            follower = self.disk.follow(session, place)
        self.followers[session] = follower
        return follower


def found_in(report: VerifyReport) -> list[Finding]:
    """What a verification found; of findings that are about more, the place does not count."""
    return sorted(
        Finding(problem.kind, Path(problem.where).name, problem.offset, problem.length)
        if problem.kind in ("corrupt", "torn")
        else Finding(problem.kind, Path(problem.where).name)
        for problem in report.problems
    )
