"""A tail in this process, a writer in another."""

import os
import threading
import time

from projections import DefaultSessionStore
from tests.benchmarks.artefacts import SESSION
from tests.benchmarks.children import Child
from tests.benchmarks.measure import Stats
from tests.benchmarks.results import OURS, Row, at_most
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_PAUSE = 0.02  # seconds between the appends


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """One row: from the beginning of `set` there to the arrival here."""
    os.makedirs(folder, exist_ok=True)
    figures = {OURS: _latency(sizes.tailed, folder), "a pipe": _pipe(sizes.tailed)}
    goals = [
        at_most("median", figures[OURS].median, 0.005, "s"),
        at_most("99th percentile", figures[OURS].p99, 0.020, "s"),
    ]
    return [Row("tail: from set in one process to arrival in another", figures, goals)]


def _latency(count: int, folder: str) -> Stats:
    taken: list[float] = []
    with (
        _writer(folder, count) as writer,
        DefaultSessionStore(folder, durability="os") as store,
        store.tail(SESSION) as tail,
    ):
        writer.hear()
        writer.tell()
        for arrival in tail:
            sent = (arrival.state or {}).get("at")
            if sent is not None:
                taken.append((time.monotonic_ns() - sent) / 1e9)
            if len(taken) == count:
                break
        writer.hear()
    return Stats.of(taken)


def _writer(folder: str, count: int) -> Child:
    return Child("saving.save_slowly", folder=folder, session=SESSION, pause=_PAUSE, count=count)


def _pipe(count: int) -> Stats:
    """The floor: a blocked read of a pipe, woken by a write in another thread."""
    reading, writing = os.pipe()
    taken: list[float] = []

    def write() -> None:
        for _ in range(count):
            time.sleep(0.002)
            os.write(writing, b"%20d" % time.monotonic_ns())

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    for _ in range(count):
        sent = int(os.read(reading, 20))
        taken.append((time.monotonic_ns() - sent) / 1e9)
    writer.join()
    os.close(reading)
    os.close(writing)
    return Stats.of(taken)
