"""How much each part does: the whole run, or one short enough for CI."""

from msgspec import Struct


class Sizes(Struct, frozen=True):
    """Counts of operations, events or sessions; seconds where a name says so."""

    rounds: int
    """of blocks of the quick operations, and of the slow ones (`slow_rounds`)"""
    slow_rounds: int
    late_turn: int
    longest_sets: int
    praisonai_turns: tuple[int, ...]
    stretch: int
    """of our sets beside one of PraisonAI's"""
    threads_appends: int
    """of each thread, in each round"""
    batches: int
    log_events: int
    live_turns: int
    repeats: int
    tailed: int
    process_seconds: float
    process_rounds: int
    sessions: int
    folder_sessions: int
    folder_seconds: float
    """that several processes write to the sessions of that folder"""
    view_turns: int
    waiting_sets: int
    """in an event loop"""
    starts: int
    searched_bytes: int
    searched_sessions: int
    command_rounds: int
    """of each way to run the command, in both builds"""
    compared_events: int
    compared_sessions: int


WHOLE = Sizes(
    rounds=60,
    slow_rounds=30,
    late_turn=100_000,
    longest_sets=200_000,
    praisonai_turns=(1_000, 10_000),
    stretch=10_000,
    threads_appends=250,
    batches=40,
    log_events=1_000_000,
    live_turns=10_000,
    repeats=4,
    tailed=1_000,
    process_seconds=3.0,
    process_rounds=3,
    sessions=100_000,
    folder_sessions=10_000,
    folder_seconds=30.0,
    view_turns=1_000_000,
    waiting_sets=100_000,
    starts=24,
    searched_bytes=220_000_000,
    searched_sessions=100,
    command_rounds=7,
    compared_events=20_000,
    compared_sessions=1_000,
)

QUICK = Sizes(
    rounds=10,
    slow_rounds=5,
    late_turn=3_000,
    longest_sets=3_000,
    praisonai_turns=(100, 1_000),
    stretch=200,
    threads_appends=30,
    batches=8,
    log_events=20_000,
    live_turns=500,
    repeats=2,
    tailed=60,
    process_seconds=0.4,
    process_rounds=1,
    sessions=1_000,
    folder_sessions=300,
    folder_seconds=1.2,
    view_turns=20_000,
    waiting_sets=3_000,
    starts=4,
    searched_bytes=30_000_000,
    searched_sessions=10,
    command_rounds=1,
    compared_events=400,
    compared_sessions=20,
)
