"""What changes a log, each on a folder prepared for it, and what may be there when it stopped."""

import errno
from collections.abc import Callable
from pathlib import Path

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import DiskStorage
from journal.errors import JournalError
from projections.store.folded import FoldedSession
from projections.view import View
from tests.support import DiesAt, FailsAt, FaultyStorage, Killed, set_event

SESSION = "s"
BASE = {"a": "2", "b": "1"}
MOST_CALLS = 60
Operation = Callable[[Directory], object]


def engine(folder: Path, storage: DiskStorage | None = None) -> Directory:
    return Directory(str(folder), LogOptions("fsync", 1.0, None, storage or DiskStorage()))


def run_with_fault(folder: Path, operation: Operation, kind: str, number: int) -> bool:
    """Run with the `number`th call going wrong. Whether there were so few calls."""
    if kind == "killed":
        death = DiesAt(number)
        try:
            operation(engine(folder, FaultyStorage(death)))
        except Killed:
            return False
        return not death.dead
    failure = FailsAt(number, errno.ENOSPC if kind == "no space" else errno.EIO)
    try:
        operation(engine(folder, FaultyStorage(failure)))
    except JournalError:
        assert failure.failed is not None
        return False
    return failure.failed is None


def turns(directory: Directory) -> dict[str, str] | None:
    """What the log folds to, `{turn: n}`; None when there is no session.

    With the snapshot, if there is one, it must be the same.
    """
    found, thawed = _turns(directory, View()), _turns(directory, FoldedSession())
    assert found == thawed
    return found


def _turns(directory: Directory, projection: View | FoldedSession) -> dict[str, str] | None:
    log = directory.open(SESSION, projection)
    try:
        if not log.refresh():
            return None
        view = projection if isinstance(projection, View) else projection.view
        return {turn: state["n"] for turn, state in view.runtime("native").items()}
    finally:
        log.close()


def save(directory: Directory) -> None:
    log = directory.open(SESSION, FoldedSession())
    log.save()
    log.close()


def append(directory: Directory, *pairs: tuple[str, str]) -> None:
    log = directory.open(SESSION, View())
    try:
        log.append([set_event(turn, {"n": n}) for turn, n in pairs])
    finally:
        log.close()


def prepare(folder: Path) -> None:
    """A log with something dead in it, so that there is something to compact."""
    directory = engine(folder)
    append(directory, ("a", "1"))
    append(directory, ("b", "1"))
    append(directory, ("a", "2"))


def prepare_compacted(folder: Path) -> None:
    prepare(folder)
    engine(folder).compact(SESSION)
    engine(folder).pack(SESSION)
    append(engine(folder), ("b", "0"), ("b", "1"))


def prepare_archive(folder: Path) -> None:
    prepare(folder)
    engine(folder).compact(SESSION)


def prepare_torn(folder: Path) -> None:
    prepare(folder)
    with (folder / "s.jsonl").open("ab") as file:
        file.write(b'{"seq":4,"ts":"20')


def prepare_saved(folder: Path) -> None:
    """A snapshot, an event after it, and what somebody left who died while he took another."""
    prepare(folder)
    save(engine(folder))
    append(engine(folder), ("b", "0"), ("b", "1"))
    dead = folder / "s.snapshot.new"
    dead.write_bytes(b'{"version":1')
    dead.chmod(0o600)


def save_and_append(directory: Directory) -> None:
    """The append goes on from the snapshot, and so does the second save."""
    save(directory)
    append(directory, ("c", "1"))
    save(directory)


def nothing(folder: Path) -> None:
    """No session yet."""


NEW = ("c", "1"), ("a", "3")

OPERATIONS: dict[str, tuple[Callable[[Path], None], Operation, list[dict[str, str] | None]]] = {
    "create": (nothing, lambda d: append(d, ("c", "1")), [None, {"c": "1"}]),
    "append": (prepare, lambda d: append(d, ("c", "1")), [BASE, {**BASE, "c": "1"}]),
    "append many": (prepare, lambda d: append(d, *NEW), [BASE, {"a": "3", "b": "1", "c": "1"}]),
    "repair": (prepare_torn, lambda d: append(d, ("c", "1")), [BASE, {**BASE, "c": "1"}]),
    "compact": (prepare, lambda d: d.compact(SESSION), [BASE]),
    "compact and drop": (prepare, lambda d: d.compact(SESSION, "drop"), [BASE]),
    "compact again": (prepare_compacted, lambda d: d.compact(SESSION), [BASE]),
    "pack": (
        prepare_archive,
        lambda d: d.pack(SESSION),
        [BASE],
    ),
    "save": (prepare, save, [BASE]),
    "save again": (prepare_saved, save_and_append, [BASE, {**BASE, "c": "1"}]),
    "compact what was saved": (prepare_saved, lambda d: d.compact(SESSION), [BASE]),
    "delete what was saved": (prepare_saved, lambda d: d.delete(SESSION), [BASE, None]),
    "delete": (prepare_compacted, lambda d: d.delete(SESSION, "s.json"), [BASE, None]),
}
