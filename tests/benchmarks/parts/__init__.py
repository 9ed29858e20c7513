"""The parts of the suite: each measures a few rows that belong together."""

from collections.abc import Callable
from typing import TypeAlias

from tests.benchmarks.parts import (
    agents,
    batches,
    compacting,
    memory,
    opening,
    praisonai,
    processes,
    reading,
    saving,
    sessions,
    starting,
    tailing,
    threads,
)
from tests.benchmarks.results import Row
from tests.benchmarks.sizes import Sizes

Part: TypeAlias = Callable[[Sizes, str], list[Row]]
"""Measures in a folder of its own, which is empty before and removed afterwards."""

PARTS: dict[str, Part] = {
    "saving": saving.run,
    "threads": threads.run,
    "praisonai": praisonai.run,
    "batches": batches.run,
    "reading": reading.run,
    "opening": opening.run,
    "compacting": compacting.run,
    "tailing": tailing.run,
    "processes": processes.run,
    "sessions": sessions.run,
    "memory": memory.run,
    "starting": starting.run,
    "agents": agents.run,
}
