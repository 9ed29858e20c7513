"""Compacting a long log of which little lives, alone and with a writer beside it."""

from projections import DefaultSessionStore
from tests.benchmarks.artefacts import SESSION
from tests.benchmarks.children import Child
from tests.benchmarks.logs import copy, verify
from tests.benchmarks.measure import Stats, once
from tests.benchmarks.results import OURS, Row, at_most, ratio
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_PAUSE = 0.001  # seconds between the writer's appends


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """How long a compaction takes, and how long it makes a writer wait."""
    return [_duration(sizes, folder, shared.long_log), _waits(sizes, folder, shared.long_log)]


def _duration(sizes: Sizes, folder: str, original: str) -> Row:
    times: dict[str, list[float]] = {OURS: [], "one verified read": []}
    for repeat in range(sizes.repeats + 1):
        where = copy(original, f"{folder}/copy")
        read = once(lambda: verify(where))  # noqa: B023 - called at once
        with DefaultSessionStore(where, durability="os", auto_compact=False) as store:
            taken = once(lambda: store.compact(SESSION, history="drop"))
        if repeat:
            times["one verified read"].append(read)
            times[OURS].append(taken)
    figures = {name: Stats.of(found) for name, found in times.items()}
    goal = at_most("one verified read", ratio(figures, OURS, "one verified read"), 2.0)
    return Row(f"compaction of {sizes.log_events:,} events", figures, [goal])


def _waits(sizes: Sizes, folder: str, original: str) -> Row:
    taken: list[float] = []
    for _ in range(sizes.repeats):
        where = copy(original, f"{folder}/copy")
        with (
            Child(
                "saving.save_slowly", folder=where, session=SESSION, pause=_PAUSE, count=None
            ) as writer,
            DefaultSessionStore(where, durability="os", auto_compact=False) as store,
        ):
            writer.hear()
            writer.tell()
            store.compact(SESSION, history="drop")
            writer.tell()
            taken += writer.hear()
    figures = {OURS: Stats.of(taken)}
    goal = at_most("at the longest", figures[OURS].max, 0.020, "s")
    return Row("set by another process during a compaction", figures, [goal])


def _writer(folder: str) -> Child:
    return Child("saving.save_slowly", folder=folder, session=SESSION, pause=_PAUSE, count=None)
