"""What is held in memory, each measured in a process of its own, as the growth of its peak."""

from tests.benchmarks.artefacts import ENCODED
from tests.benchmarks.children import Child
from tests.benchmarks.logs import build
from tests.benchmarks.results import Goal, Row, at_most
from tests.benchmarks.sizes import Sizes

_LINE = 590  # bytes, which a line of the benchmark has at least
_EXTRA = 250  # bytes a turn may cost besides its state
_ALLOWED = 64 << 20


def run(sizes: Sizes, folder: str) -> list[Row]:
    """Two rows of goals only: bytes are not spread like times."""
    turns, size = sizes.view_turns, sizes.big_log_bytes
    build(f"{folder}/view", turns, turns)
    extra = _grown("view", f"{folder}/view") / turns - len(ENCODED)
    build(f"{folder}/long", size // _LINE, sizes.live_turns)
    return [
        Row(
            f"memory for a view of {turns:,} turns",
            {},
            [at_most("for each turn, besides its state", extra, _EXTRA, "bytes")],
        ),
        Row(
            f"memory for a log of {size >> 20} MiB",
            {},
            [_bounded(task, f"{folder}/long") for task in ("tail", "verify")],
        ),
    ]


def _bounded(task: str, folder: str) -> Goal:
    return at_most(f"to {task} it", _grown(task, folder), _ALLOWED, "bytes")


def _grown(task: str, folder: str) -> int:
    with Child("memory", task=task, folder=folder) as child:
        child.hear()
        child.tell()
        grown: int = child.hear()
        return grown
