"""Logs to compact, and what is in them."""

import json
from pathlib import Path
from typing import Any

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import DiskStorage
from projections.view import View
from tests.support import (
    open_log,
    set_event,
)


def directory(folder: Path, storage: DiskStorage | None = None, **options: Any) -> Directory:
    settings = {"durability": "os", "lock_timeout": 5.0, **options}
    return Directory(str(folder), LogOptions(storage=storage or DiskStorage(), **settings))


def write_log(folder: Path, session: str = "s") -> Path:
    """A log of which one event of three is dead."""
    log, _ = open_log(folder, session)
    log.append([set_event("a"), set_event("b"), set_event("a")])
    log.close()
    return folder / f"{session}.jsonl"


def header_of(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_bytes().partition(b"\n")[0])
    assert isinstance(found, dict)
    return found


def living_in(folder: Path) -> list[str]:
    view = View()
    log = directory(folder).open("s", view)
    log.refresh()
    log.close()
    return list(view.turns["native"])
