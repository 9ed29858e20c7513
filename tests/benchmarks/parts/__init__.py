"""The parts of the suite: each measures a few rows that belong together."""

from collections.abc import Callable
from typing import TypeAlias

from tests.benchmarks.parts import (
    agents,
    batches,
    commands,
    compacting,
    encrypting,
    folders,
    longest,
    memory,
    older,
    opening,
    praisonai,
    processes,
    reading,
    resuming,
    saving,
    searching,
    sessions,
    starting,
    tailing,
    threads,
)
from tests.benchmarks.results import Row
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

Part: TypeAlias = Callable[[Sizes, str, Shared], list[Row]]
"""Measures in a folder of its own, which is empty before and removed afterwards."""

PARTS: dict[str, Part] = {
    "saving": saving.run,
    "longest": longest.run,
    "threads": threads.run,
    "praisonai": praisonai.run,
    "batches": batches.run,
    "encrypting": encrypting.run,
    "reading": reading.run,
    "opening": opening.run,
    "compacting": compacting.run,
    "tailing": tailing.run,
    "resuming": resuming.run,
    "processes": processes.run,
    "sessions": sessions.run,
    "folders": folders.run,
    "memory": memory.run,
    "starting": starting.run,
    "commands": commands.run,
    "older": older.run,
    "searching": searching.run,
    "agents": agents.run,
}
