"""16 threads that save to one session, each waiting until its turn would survive power loss."""

import threading
from collections.abc import Callable

from journal.events import Head
from journal.group_commit import Batch, Group, Request, Written
from tests.benchmarks.artefacts import line
from tests.benchmarks.contenders import Contender, close
from tests.benchmarks.embedded import Lmdb, Sqlite
from tests.benchmarks.floors import RawWrite
from tests.benchmarks.measure import Operation, interleave
from tests.benchmarks.ours import Journal
from tests.benchmarks.results import OURS, Row, at_least, ratio
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_THREADS = 16
_ROUNDS = 5


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """One row: seconds for each append, all threads together; the floor has one thread."""
    share = sizes.threads_appends
    count = share * _THREADS
    raw = RawWrite(f"{folder}/raw", sync=True)
    contenders: dict[str, Contender] = {
        OURS: Journal(f"{folder}/journal", sync=True),
        "SQLite FULL": Sqlite(f"{folder}/sqlite", sync=True),
        "LMDB": Lmdb(f"{folder}/lmdb", sync=True),
    }
    operations: dict[str, Operation] = {
        name: lambda number, peer=peer: _together(peer.set, number * count, share)  # type: ignore[misc]
        for name, peer in contenders.items()
    }

    def serial(number: int) -> None:
        for index in range(number * count, (number + 1) * count):
            raw.write(line(index))

    floor = "write + fdatasync, one thread"
    bare = _Bare(raw)
    operations["the queue alone"] = lambda number: _together(
        lambda index: bare.append(Request(())), number * count, share
    )
    figures = interleave(operations | {floor: serial}, rounds=_ROUNDS, block=1)
    close([*contenders.values(), raw])
    figures = {name: stats.each(count) for name, stats in figures.items()}
    return [
        Row(
            f'set, durability "fsync", {_THREADS} threads on one session',
            figures,
            [
                at_least("the rate of one raw thread", ratio(figures, floor, OURS), 3.2),
                at_least("the rate of SQLite FULL", ratio(figures, "SQLite FULL", OURS), 3.0),
            ],
            "time for one append, all threads together",
        )
    ]


class _Bare:
    """Threads that share writes and syncs as ours do, and do nothing else: no events.

    What is left is waking each thread once for each of its appends, one at a time, since only
    one may run Python.
    """

    def __init__(self, raw: RawWrite) -> None:
        self._group = Group()
        self._raw = raw

    def append(self, request: Request) -> None:
        self._group.append(request, self._write)

    def _write(self, take: Batch, since: float) -> Written:
        lines = b"".join([line(number) for number, _ in enumerate(take())])
        synced: list[bool] = []  # as ours, it knows what is synced already

        def sync() -> None:
            if not synced:
                self._raw.write(lines)
                synced.append(True)

        return Written(_HEAD, sync)


_HEAD = Head("", 0, "")


def _together(save: Callable[[int], object], first: int, share: int) -> None:
    """Save `share` turns in each thread. Ctrl-C has them stop, so that nothing is left running."""
    stopped = threading.Event()

    def work(start: int) -> None:
        for index in range(start, start + share):
            if stopped.is_set():
                break
            save(index)

    workers = [
        threading.Thread(target=work, args=(first + number * share,)) for number in range(_THREADS)
    ]
    for worker in workers:
        worker.start()
    try:
        for worker in workers:
            worker.join()
    finally:
        stopped.set()
