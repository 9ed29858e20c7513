"""A log with two archives, for what is done to it and found."""

from pathlib import Path

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.events import Head
from tests.support import open_log, set_event


def engine(folder: Path) -> Directory:
    return Directory(str(folder), LogOptions("os"))


def record(folder: Path) -> Head:
    """A log of 3 events, compacted after 6 more; its head."""
    log, _ = open_log(folder)
    log.append([set_event("a"), set_event("b"), set_event("a")])
    engine(folder).compact("s")
    log.append([set_event("a"), set_event("c"), set_event("b")])
    engine(folder).compact("s")
    log.append([set_event("d"), set_event("e"), set_event("f")])
    head = log.head
    assert head is not None
    return head


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)
