"""A compacted log with two archives, and its restoration."""

from pathlib import Path

from journal.engines.files.restoring import RestoreReport, restore
from journal.engines.files.storage import DiskStorage
from journal.names import paths_of
from projections import DefaultSessionStore
from tests.support import finish_maintenance


def store_in(folder: Path) -> DefaultSessionStore:
    return DefaultSessionStore(folder, durability="os", auto_compact=False)


def compacted(folder: Path) -> None:
    """Events 1 to 9, one a line: 6, 7, 3 and 4 were kept, 8 and 9 came after. Two archives."""
    with store_in(folder) as store:
        for number in range(4):
            store.set_runtime_state("s", "x", f"t{number}", {"n": number})
        store.set_runtime_state("s", "x", "t0", {"n": 4})
        store.compact("s")
        for number in (5, 6):
            store.set_runtime_state("s", "x", f"t{number % 5}", {"n": number})
        store.compact("s")
        finish_maintenance(store)
        for number in (7, 8):
            store.set_runtime_state("s", "x", f"t{number}", {"n": number})


def log(folder: Path) -> Path:
    return folder / "s.jsonl"


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def restored(folder: Path, *copies: Path) -> RestoreReport:
    return restore(DiskStorage(), paths_of(str(folder), "s"), list(map(str, copies)))
