"""One folder has the archives of all sessions: what is done to one leaves the others alone."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import DiskStorage
from journal.engines.memory import MemoryDirectory
from tests.growth.counting import steps
from tests.support import FaultyStorage, open_log, set_event

LOG = "s.jsonl"


class Watching:
    """A fault that fails nothing: it counts the calls, and looks what is done under the lock."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.listed_under_lock: list[str] = []
        self._held: set[int] = set()  # descriptors of the log whose lock we have

    def __call__(self, name: str, args: tuple[Any, ...]) -> Any:
        self.calls.append(name)
        if name in ("list", "names", "names_of", "own_names") and self._held:
            self.listed_under_lock.append(name)
        if name == "lock":
            locked = DiskStorage.lock(*args)
            if locked and os.readlink(f"/proc/self/fd/{args[0]}").endswith(f"/{LOG}"):
                self._held.add(args[0])
            return locked
        if name in ("unlock", "close"):
            self._held.discard(args[0])
        return None


@contextmanager
def entries_looked_at() -> Iterator[list[str]]:
    """The names of the entries of folders of which more than the name is asked for."""
    looked_at: list[str] = []
    scandir = os.scandir

    class Entry:
        def __init__(self, entry: "os.DirEntry[str]") -> None:
            self.name = entry.name
            self._entry = entry

        def __getattr__(self, name: str) -> Any:
            looked_at.append(self.name)
            return getattr(self._entry, name)

    class Watched:
        def __init__(self, path: str) -> None:
            self._entries = scandir(path)

        def __enter__(self) -> Iterator[Entry]:
            return map(Entry, self._entries)

        def __exit__(self, *_: object) -> None:
            self._entries.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", Watched)
        yield looked_at


def begin(folder: Path, foreign: int) -> None:
    """A log worth compacting, compacted once before, beside as many archives of others."""
    folder.mkdir()
    log, _ = open_log(folder)
    for _ in range(2):
        for turn in ("a", "a", "b"):
            log.append([set_event(turn)])
        Directory(str(folder), LogOptions()).compact("s")
    log.append([set_event("a")])
    log.close()
    add_foreign(folder, foreign)


def add_foreign(folder: Path, foreign: int) -> None:
    for number in range(foreign):
        (folder / "archive" / f"other-{number}.7.jsonl.gz").touch()


def compact(directory: Directory) -> None:
    assert directory.compact("s") is not None


def drop(directory: Directory) -> None:
    assert directory.compact("s", "drop") is not None


def pack(directory: Directory) -> None:
    assert directory.pack("s") == 2


def delete(directory: Directory) -> None:
    assert directory.delete("s")


def die_of(reason: str) -> Callable[[Directory], None]:
    """The next append finds a log that a process has left while it did something."""

    def recover(directory: Directory) -> None:
        if reason == "deletion":
            _die_while_deleting(directory.folder)
        else:
            with open(os.path.join(directory.folder, LOG), "ab") as file:
                file.write(b"half a line")
        log, _ = open_log(Path(directory.folder), storage=directory._storage)  # type: ignore[arg-type]
        log.append([set_event("c")])
        log.close()

    return recover


def _die_while_deleting(folder: str) -> None:
    def die(name: str, args: tuple[Any, ...]) -> None:
        if name == "unlink":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Directory(folder, LogOptions(storage=FaultyStorage(die))).delete("s")


DEEDS = {
    "compact": compact,
    "compact and drop": drop,
    "pack": pack,
    "delete": delete,
    "finish a deletion": die_of("deletion"),
    "repair a torn tail": die_of("write"),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_the_archives_of_others_are_not_looked_at_and_not_listed_under_the_lock(
    tmp_path: Path, deed: Callable[[Directory], None]
) -> None:
    def calls(foreign: int) -> list[str]:
        folder = tmp_path / str(foreign)
        begin(folder, foreign)
        watching = Watching()
        with entries_looked_at() as looked_at:
            deed(Directory(str(folder), LogOptions(storage=FaultyStorage(watching))))
        assert watching.listed_under_lock == []
        assert [name for name in looked_at if not name.startswith("s.")] == []
        assert len(list((folder / "archive").glob("other-*"))) == foreign
        return watching.calls

    assert calls(40) == calls(20)


@pytest.mark.parametrize("left", [b"", b'{"op":"open","form'], ids=["nothing", "half a header"])
def test_a_log_that_never_began_is_begun_without_a_list_under_the_lock(
    tmp_path: Path, left: bytes
) -> None:
    (tmp_path / "archive").mkdir()
    add_foreign(tmp_path, 20)
    (tmp_path / LOG).write_bytes(left)
    watching = Watching()
    log, _ = open_log(tmp_path, storage=FaultyStorage(watching))
    log.append([set_event("a")])
    log.close()
    assert "names_of" in watching.calls, "an archive would say that the log has begun"
    assert watching.listed_under_lock == []


@pytest.mark.parametrize("deed", [compact, drop, delete], ids=["compact", "drop", "delete"])
def test_in_memory_the_archives_of_others_cost_nothing(
    deed: Callable[[Directory], None],
) -> None:
    def cost(foreign: int) -> int:
        directory = MemoryDirectory()
        for number in range(foreign + 1):
            log = directory.open("s" if number == foreign else f"other-{number}", Nothing())
            for _ in range(3):
                log.append([set_event("a")])
                directory.compact("s" if number == foreign else f"other-{number}")
            log.append([set_event("a")])
            log.close()
        return steps(lambda: deed(directory))

    assert cost(40) == pytest.approx(cost(20), rel=0.05)


class Nothing:
    """A projection of no events."""

    def fold(self, event: object) -> None:
        pass

    def reset(self) -> None:
        pass
