"""What strangers do to a log, and what a process says of it."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from journal.engines.files.directory import Directory
from journal.engines.files.log import FileLog, LogOptions
from tests.support import (
    Recorder,
    open_log,
    set_event,
)

GONE = "which this process had read"


class Clock:
    """Stands still until told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Reports(logging.Handler):
    """What is logged at WARNING or above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    @property
    def losses(self) -> list[str]:
        return [text for text in self.texts if GONE in text]


# What a stranger does. Each is given the log's path; `old` beside the folder is a copy of the
# folder with two events fewer, `branch` one in which these two are others, as long as ours.


def in_place(path: Path, data: bytes) -> None:
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()


def empty(path: Path) -> None:
    in_place(path, b"")


def old(path: Path) -> Path:
    return path.parent.parent / "old" / path.name


def branch(path: Path) -> Path:
    return path.parent.parent / "branch" / path.name


def cut_in_a_line(path: Path) -> None:
    os.truncate(path, old(path).stat().st_size + 30)


def cut_and_grown(path: Path) -> None:
    """Shorter for a while, then as long as it was."""
    data = branch(path).read_bytes()
    in_place(path, old(path).read_bytes())
    with path.open("ab") as file:
        file.write(data[old(path).stat().st_size :])


def with_its_times(stroke: Callable[[Path], None]) -> Callable[[Path], None]:
    def strike(path: Path) -> None:
        before = path.stat()
        stroke(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return strike


def move(path: Path) -> None:
    path.rename(path.with_suffix(".away"))


def rename_into_place(source: Callable[[Path], Path]) -> Callable[[Path], None]:
    def strike(path: Path) -> None:
        shutil.copy(source(path), path.parent / "copy")
        (path.parent / "copy").rename(path)

    return strike


def hard_linked_and_replaced(path: Path) -> None:
    """The number of the file's names stays the same."""
    os.link(path, path.parent / "backup")
    rename_into_place(old)(path)


def move_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("away"))


def replace_folder(path: Path) -> None:
    move_folder(path)
    shutil.copytree(old(path).parent, path.parent)


STROKES: dict[str, tuple[Callable[[Path], None], str, list[str]]] = {
    "emptied in place": (empty, "events 1 to 4", []),
    "an older copy over it": (
        lambda path: in_place(path, old(path).read_bytes()),
        "events 3 to 4, which this process had read, are gone: the log now ends at event 2",
        ["t1", "t2"],
    ),
    "an older copy over it, with the times it had": (
        with_its_times(lambda path: in_place(path, old(path).read_bytes())),
        "events 3 to 4",
        ["t1", "t2"],
    ),
    "an older copy in its place": (rename_into_place(old), "events 3 to 4", ["t1", "t2"]),
    "an older copy in its place, which has another name": (
        hard_linked_and_replaced,
        "events 3 to 4",
        ["t1", "t2"],
    ),
    "a branch of the same size over it": (
        lambda path: in_place(path, branch(path).read_bytes()),
        "event 4, which this process had read, is gone: in its place is another branch",
        ["t1", "t2", "x3", "x4"],
    ),
    "a branch over it, with the times it had": (
        with_its_times(lambda path: in_place(path, branch(path).read_bytes())),
        "event 4",
        ["t1", "t2", "x3", "x4"],
    ),
    "a branch in its place": (rename_into_place(branch), "event 4", ["t1", "t2", "x3", "x4"]),
    "cut": (
        lambda path: os.truncate(path, old(path).stat().st_size),
        "events 3 to 4",
        ["t1", "t2"],
    ),
    "cut in the middle of a line": (cut_in_a_line, "events 3 to 4", ["t1", "t2"]),
    "cut, and grown again": (cut_and_grown, "event 4", ["t1", "t2", "x3", "x4"]),
    "deleted": (os.unlink, "events 1 to 4", []),
    "moved": (move, "events 1 to 4", []),
    "the folder moved": (move_folder, "events 1 to 4", []),
    "the folder deleted": (lambda path: shutil.rmtree(path.parent), "events 1 to 4", []),
    "the folder replaced": (replace_folder, "events 3 to 4", ["t1", "t2"]),
    "another log of the session": (
        lambda path: rename_into_place(lambda path: another(path))(path),
        "events 1 to 4, which this process had read, are gone: in its place is another log",
        ["new"],
    ),
}


def another(path: Path) -> Path:
    return path.parent.parent / "another" / path.name


def prepare(tmp_path: Path) -> Path:
    """The copies that strokes use, and the folder with the first two events."""
    folder = tmp_path / "s"
    log, _ = open_log(folder, writer="w")
    for turn in ("t1", "t2"):
        log.append([set_event(turn)])
    log.close()
    shutil.copytree(folder, tmp_path / "old")
    shutil.copytree(folder, tmp_path / "branch")
    log, _ = open_log(tmp_path / "branch", writer="w")
    for turn in ("x3", "x4"):
        log.append([set_event(turn)])
    log.close()
    log, _ = open_log(tmp_path / "another", writer="w")
    log.append([set_event("new")])
    log.close()
    return folder / "s.jsonl"


def grown(path: Path, **options: Any) -> tuple[FileLog, Recorder]:
    """The log, in which this process has written two turns more."""
    log, recorder = open_log(path.parent, writer="w", **options)
    log.refresh()
    for turn in ("t3", "t4"):
        assert log.append([set_event(turn)])
    return log, recorder


def problems_in(folder: Path) -> list[str]:
    return [str(problem) for problem in Directory(str(folder), LogOptions()).verify("s").problems]
