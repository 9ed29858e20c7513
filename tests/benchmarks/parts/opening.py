"""Opening a long log, verified: every line is decoded and hashed, and the view is folded."""

from tests.benchmarks.logs import build, decode_and_hash, open_verified
from tests.benchmarks.measure import interleave
from tests.benchmarks.results import OURS, Row, at_least, at_most, ratio
from tests.benchmarks.sizes import Sizes


def run(sizes: Sizes, folder: str) -> list[Row]:
    """One row; its times are of one event."""
    events = sizes.log_events
    path = build(folder, events, sizes.live_turns)
    alone = "decode + hash alone"
    figures = interleave(
        {OURS: lambda _: open_verified(folder), alone: lambda _: decode_and_hash(path)},
        rounds=sizes.repeats,
        block=1,
    )
    figures = {name: stats.each(events) for name, stats in figures.items()}
    return [
        Row(
            f"opening a log of {events:,} events, one of them",
            figures,
            [
                at_least("", 1 / figures[OURS].median, 300_000, "events/s"),
                at_most(alone, ratio(figures, OURS, alone), 3.0),
            ],
        )
    ]
