"""Imports what may be imported late, for processes that are about to lose the right to read it."""

import importlib
from pathlib import Path

_LATE_OF_OTHERS = ("asyncio", "difflib", "rich.cells", "watchfiles")


def import_all() -> None:
    """Every module of both packages, but for the adapters, whose frameworks take seconds."""
    for package in ("journal", "projections"):
        root = Path(importlib.import_module(package).__path__[0])
        for path in root.rglob("[!_]*.py"):
            name = ".".join((package, *path.relative_to(root).with_suffix("").parts))
            if not name.startswith("projections.adapters"):
                importlib.import_module(name)
    for name in _LATE_OF_OTHERS:
        importlib.import_module(name)
