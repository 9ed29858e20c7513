"""Processes that save, compact, delete and make again one session, and look at it each time."""

import os
import random
from pathlib import Path
from time import monotonic_ns

from journal import CompactionError
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.logfile import LogFile
from journal.events import Event, Head
from projections import DefaultSessionStore
from projections.store.folded import FoldedSession, FrozenSession
from tests.faults.snapshots import of_any_log

SESSION = "s"
THAWED, READ = b"t", b"r"
_TURNS = 5
_TRIES = 20


def save_and_look(folder: str, name: str, record: str) -> None:
    """Until killed. A byte in `record` for each look at the session: `THAWED` or `READ`."""
    dice = random.Random(f"{name} {monotonic_ns()}")
    fd = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with of_any_log():
        while True:
            with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
                _act(store, name, dice)
            os.write(fd, look(folder))


def _act(store: DefaultSessionStore, name: str, dice: random.Random) -> None:
    kind = dice.random()
    if kind < 0.05:
        store.delete_session(SESSION)
    elif kind < 0.15:
        try:
            store.compact(SESSION)
        except CompactionError:
            pass  # another one is at it, or has deleted it
    elif kind < 0.25:
        store.hand_off(SESSION, name, "other")
    else:
        for _ in range(dice.randrange(1, 4)):
            turn = f"t{dice.randrange(_TURNS)}"
            store.set_runtime_state(SESSION, name, turn, {"n": monotonic_ns()})


class _Read:
    """A folded session that cannot be thawed: all of the log is read for it."""

    def __init__(self) -> None:
        self.folded = FoldedSession()

    def fold(self, event: Event) -> None:
        self.folded.fold(event)

    def reset(self) -> None:
        self.folded.reset()


def look(folder: str) -> bytes:
    """What a process finds that opens the session from its snapshot is what one finds that reads.

    As soon as both find the same file with the same end; if that never happens, returns nothing.
    """
    for _ in range(_TRIES):
        read, thawed = _opened(folder, _Read()), _opened(folder, FoldedSession())
        if read is None or thawed is None or read[:2] != thawed[:2]:
            continue
        assert thawed[3].turns == read[3].turns, thawed[0]
        assert thawed[3].rest == read[3].rest, (thawed[0], thawed[3].rest, read[3].rest)
        return THAWED if thawed[2] else READ
    return b""


def _opened(
    folder: str, projection: _Read | FoldedSession
) -> tuple[Head | None, object, bool, FrozenSession] | None:
    """The last event, the file, whether it was opened from a snapshot, and what it folds to."""
    folded = projection.folded if isinstance(projection, _Read) else projection
    log = Directory(folder, LogOptions("os")).open(SESSION, projection)
    try:
        if not log.refresh() or log.catchup.is_carried:  # from a file that was just replaced
            return None
        file = log.file
        assert isinstance(file, LogFile)
        return log.head, file.id, log.catchup.saved_end > 0, folded.freeze()
    finally:
        log.close()


def looks_in(record: Path) -> bytes:
    return record.read_bytes() if record.exists() else b""
