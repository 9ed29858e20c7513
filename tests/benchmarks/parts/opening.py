"""A long log that was closed in order: the first `get`, and all of it verified."""

import os
import shutil

from tests.benchmarks.artefacts import SESSION
from tests.benchmarks.builds import OLDER
from tests.benchmarks.children import Child
from tests.benchmarks.logs import decode_and_hash, verify
from tests.benchmarks.measure import interleave
from tests.benchmarks.results import OURS, Row, at_least, at_most, ratio
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """Both rows. The older build reads a copy of the log, and nothing else of ours."""
    os.mkdir(f"{folder}/older")
    shutil.copy(f"{shared.long_log}/{SESSION}.jsonl", f"{folder}/older")
    return [_first_get(sizes, folder, shared), _verified(sizes, shared.long_log)]


def _first_get(sizes: Sizes, folder: str, shared: Shared) -> Row:
    with (
        Child("blocks.first_gets", folder=shared.long_log) as ours,
        Child("blocks.first_gets", build=shared.older, folder=f"{folder}/older") as older,
    ):
        ours.hear()
        older.hear()
        figures = interleave(
            {},
            rounds=sizes.repeats,
            block=1,
            elsewhere={OURS: ours.block, OLDER: older.block},
        )
    return Row(
        f"the first get of a log of {sizes.log_events:,} events",
        figures,
        [at_most(OLDER, ratio(figures, OURS, OLDER), 0.05)],
        f"{sizes.live_turns:,} turns live; it was closed in order before",
    )


def _verified(sizes: Sizes, folder: str) -> Row:
    alone = "decode + hash alone"
    path = f"{folder}/{SESSION}.jsonl"
    figures = interleave(
        {OURS: lambda _: verify(folder), alone: lambda _: decode_and_hash(path)},
        rounds=sizes.repeats,
        block=1,
    )
    figures = {name: stats.each(sizes.log_events) for name, stats in figures.items()}
    return Row(
        f"verifying a log of {sizes.log_events:,} events, one of them",
        figures,
        [
            at_least("", 1 / figures[OURS].median, 300_000, "events/s"),
            at_most(alone, ratio(figures, OURS, alone), 1.5),
        ],
    )
