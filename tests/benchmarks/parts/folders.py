"""A folder of many sessions: listed by the command, and written to by several processes."""

from contextlib import ExitStack

from tests.benchmarks.children import Child
from tests.benchmarks.commands import Command
from tests.benchmarks.measure import Stats, interleave, settle
from tests.benchmarks.ours import Journal
from tests.benchmarks.results import OURS, Row, at_least, at_most
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_PROCESSES = 4
_WINDOWS = 6  # of the time; 5 s each in whole size
_VERSION = "journal --version"


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """Both rows, of sessions with one turn each to begin with."""
    journal = Journal(folder, sync=False)
    for number in range(sizes.folder_sessions):
        journal.set_in(f"session-{number}", 0)
    journal.close()
    settle()
    return [_listed(sizes, folder), _written(sizes, folder)]


def _listed(sizes: Sizes, folder: str) -> Row:
    command, version = Command("sessions", "--dir", folder), Command("--version")
    figures = interleave({OURS: command, _VERSION: version}, rounds=sizes.repeats, block=1)
    return Row(
        f"journal sessions, {sizes.folder_sessions:,} of them",
        figures,
        [at_most("median", figures[OURS].median, 1.5, "s")],
    )


def _written(sizes: Sizes, folder: str) -> Row:
    """Seconds for each append, all together, in each of the windows."""
    seconds, windows = sizes.folder_seconds, _WINDOWS
    saved = _saved(sizes, folder)
    each = seconds / windows
    figures = {OURS: Stats.of([each / count for count in saved])}
    rates = " · ".join(f"{count / each:,.0f}" for count in saved)
    return Row(
        f"{sizes.folder_sessions:,} sessions written by {_PROCESSES} processes at random",
        figures,
        [at_least(f"of the rate of the first {each:.3g} s", saved[-1] / saved[0], 0.9, "")],
        f"time for one append, all processes together; sets per second, {each:.3g} s each: "
        f"{rates}",
    )


def _saved(sizes: Sizes, folder: str) -> list[int]:
    """How many all processes saved in each of the windows."""
    with ExitStack() as held:
        children = [
            held.enter_context(
                Child(
                    "saving.save_at_random",
                    folder=folder,
                    sessions=sizes.folder_sessions,
                    seed=1 + number,
                    seconds=sizes.folder_seconds,
                    windows=_WINDOWS,
                )
            )
            for number in range(_PROCESSES)
        ]
        for child in children:
            child.hear()
        for child in children:
            child.tell()
        return [sum(window) for window in zip(*(child.hear() for child in children), strict=True)]
