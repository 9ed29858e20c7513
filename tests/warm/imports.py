"""Imports what may be imported late, for processes that are about to lose the right to read it."""

import importlib
import pkgutil

_LATE_OF_OTHERS = ("asyncio", "rich.cells", "watchfiles")


def import_all() -> None:
    """Every module of both packages, but for the adapters, whose frameworks take seconds."""
    for package in map(importlib.import_module, ("journal", "projections")):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.startswith("projections.adapters") and "__main__" not in found.name:
                importlib.import_module(found.name)
    for name in _LATE_OF_OTHERS:
        importlib.import_module(name)
