"""What is held in memory, each measured in a process of its own, as the growth of its peak."""

import os

from tests.benchmarks.artefacts import ENCODED, SESSION
from tests.benchmarks.children import Child
from tests.benchmarks.logs import build
from tests.benchmarks.results import Goal, Row, at_most
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_EXTRA = 250  # bytes a turn may cost besides its state
_ALLOWED = 64 << 20
_WAITING_STATE = 4 << 10  # bytes


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """Rows of goals only: bytes are not spread like times."""
    long = shared.long_log
    size = os.path.getsize(f"{long}/{SESSION}.jsonl")
    return [
        _view(sizes, f"{folder}/view"),
        Row(
            f"memory for a log of {size >> 20} MiB",
            {},
            [_bounded(task, long) for task in ("tail", "verify")],
        ),
        _waiting(sizes, f"{folder}/waiting"),
    ]


def _view(sizes: Sizes, folder: str) -> Row:
    turns = sizes.view_turns
    build(folder, turns, turns)
    extra = _grown("view", folder) / turns - len(ENCODED)
    return Row(
        f"memory for a view of {turns:,} turns",
        {},
        [at_most("for each turn, besides its state", extra, _EXTRA, "bytes")],
    )


def _bounded(task: str, folder: str) -> Goal:
    grown = _grown(task, folder)
    return at_most(f"to {task} it", grown, _ALLOWED, "bytes")


def _waiting(sizes: Sizes, folder: str) -> Row:
    """What the event loop's store holds for sets that wait, without the tasks that wait."""
    count, each = sizes.waiting_sets, _WAITING_STATE
    room = count * each // 8
    without = _held(folder, sizes, with_store=False)
    share = (_held(folder, sizes) - without) / (count * each)
    beyond = (_held(folder, sizes, max_waiting=room) - without - room) / count
    return Row(
        f"memory for {count:,} sets of {each >> 10} KiB that wait in an event loop",
        {},
        [
            at_most("the bytes of their states, besides the caller's tasks", share, 1.5),
            at_most("with `max_waiting`, beyond that, for each", beyond, 1_280, "bytes"),
        ],
    )


def _held(
    folder: str, sizes: Sizes, *, with_store: bool = True, max_waiting: int | None = None
) -> int:
    return _answer(
        Child(
            "memory.waiting_sets",
            folder=folder,
            count=sizes.waiting_sets,
            size=_WAITING_STATE,
            with_store=with_store,
            max_waiting=max_waiting,
        )
    )


def _grown(task: str, folder: str) -> int:
    return _answer(Child("memory.memory", task=task, folder=folder))


def _answer(child: Child) -> int:
    """By how many bytes it grew."""
    with child:
        child.hear()
        child.tell()
        grown: int = child.hear()
        return grown
