"""16 threads that save to one session, each waiting until its turn would survive power loss."""

import threading
from collections.abc import Callable

from tests.benchmarks.artefacts import line
from tests.benchmarks.measure import Stats, once
from tests.benchmarks.peers import Contender, Journal, Lmdb, RawWrite, Sqlite
from tests.benchmarks.results import OURS, Row, at_least, ratio
from tests.benchmarks.sizes import Sizes

_THREADS = 16
_REPEATS = 5


def run(sizes: Sizes, folder: str) -> list[Row]:
    """Seconds for each append, all threads together, against one thread with raw calls."""
    each = sizes.threads_appends
    raw = RawWrite(f"{folder}/raw", sync=True)
    contenders: dict[str, Contender] = {
        OURS: Journal(f"{folder}/journal", sync=True),
        "SQLite FULL": Sqlite(f"{folder}/sqlite", sync=True),
        "LMDB": Lmdb(f"{folder}/lmdb", sync=True),
    }

    def serial(start: int) -> None:
        for index in range(start, start + each):
            raw.write(line(index))

    times: dict[str, list[float]] = {name: [] for name in [*contenders, "one raw"]}
    for repeat in range(_REPEATS + 1):  # the first warms up
        for name, peer in contenders.items():
            count = each * _THREADS if name == OURS else each
            seconds = once(lambda: _together(peer.set, repeat * count, count))  # noqa: B023
            times[name].append(seconds / count)
        times["one raw"].append(once(lambda: serial(repeat * each)) / each)  # noqa: B023
    for closing in (*contenders.values(), raw):
        closing.close()
    figures = {name: Stats.of(found[1:]) for name, found in times.items()}
    floor = "write + fdatasync, one thread"
    figures[floor] = figures.pop("one raw")
    return [
        Row(
            'set, durability "fsync", 16 threads on one session',
            figures,
            [at_least("the rate of one raw thread", ratio(figures, floor, OURS), 6.0)],
            "time for one append, all threads together",
        )
    ]


def _together(save: Callable[[int], object], start: int, count: int) -> None:
    share = count // _THREADS

    def work(first: int) -> None:
        for index in range(first, first + share):
            save(index)

    workers = [
        threading.Thread(target=work, args=(start + number * share,)) for number in range(_THREADS)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
