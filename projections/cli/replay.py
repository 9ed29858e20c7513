"""`journal replay`: shows the events again, as far apart as they were, or faster."""

import math
import re
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator

import click

from journal.events import Event
from projections.cli.backlog import Backlog
from projections.cli.durations import duration
from projections.cli.effects import Effect
from projections.cli.filters import Filter
from projections.cli.opening import opened, require_log
from projections.cli.optional_session import session_or_last
from projections.cli.options import POINT, Converter, folder_option, output_option
from projections.cli.printing import EventPrinter
from projections.cli.terminal import notice
from projections.replay import Step, paced

_SPEED = re.compile(r"(\d+(?:\.\d*)?|\.\d+)x?", re.ASCII | re.IGNORECASE)
_SLOWEST, _FASTEST = 0.001, 1_000_000.0
_SHORTEST_NOTICE = 1.0  # seconds
_TICK = 1.0  # seconds between two updates of the notice


def _speed(text: str) -> float:
    """`10x`, `0.5x`, or `max`, which is infinity. Raises ValueError."""
    if text.strip().lower() == "max":
        return math.inf
    found = _SPEED.fullmatch(text.strip())
    speed = float(found[1]) if found is not None else 0.0
    if not _SLOWEST <= speed <= _FASTEST:
        raise ValueError(
            f"{text!r} is not a speed; write 1x for the recorded speed, 10x, 0.5x, or max "
            f"(from {_SLOWEST}x to {_FASTEST:.0f}x)"
        )
    return speed


def _seconds(text: str) -> float:
    """A number of seconds, 0 or more. Raises ValueError."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{text!r} is not a number of seconds, 0 or more")
    return seconds


SPEED = Converter("SPEED", _speed)
SECONDS = Converter("SECONDS", _seconds)


@click.command()
@session_or_last
@click.option("-u", "--runtime", "runtime_id", help="Only events of this runtime.")
@click.option("-S", "--since", type=POINT, help="Only from this seq or time on.")
@click.option("-U", "--until", type=POINT, help="Only up to this seq or time.")
@click.option(
    "--speed",
    type=SPEED,
    default="max",
    show_default=True,
    help="1x, 10x, 0.5x or max.",
)
@click.option(
    "--max-wait",
    type=SECONDS,
    help="Pause at most this long between two events.",
)
@output_option("short", "pretty", "jsonl")
@folder_option
def replay_command(
    session_id: str,
    runtime_id: str | None,
    since: int | str | None,
    until: int | str | None,
    speed: float,
    max_wait: float | None,
    output: str,
    folder: str | None,
) -> None:
    """Show the turns again, at the recorded speed or faster.

    Each event appears when it is due, archived ones included. At --speed 1x the time between
    two events is the recorded one, at 10x a tenth of it; at max there is none. Nothing is
    executed. Looks like `journal log`, and -o jsonl has the same fields.

    Without SESSION, the one that changed last is shown.

    \b
    Examples:
      journal replay my-session --speed 10x --max-wait 2
      journal replay my-session -u native -S 10 -U 20 --speed 1x -o pretty
      journal replay my-session --speed 1x -o jsonl | my-consumer
    """
    if max_wait is not None and speed == math.inf:
        raise click.UsageError("--max-wait needs a --speed: at max there are no pauses")
    chosen = Filter()
    chosen.between(since, until)
    chosen.runtimes([runtime_id] if runtime_id is not None else [])
    with opened(folder) as store:
        require_log(store, session_id)
        printer = EventPrinter(store, output)
        found = Backlog(store, session_id, None, printer.effects)
        for event, effect in in_time(found.choose(chosen, None, False), speed, max_wait):
            printer.print(session_id, found.log_id, event, effect)
            printer.flush()
        if found.is_damaged:
            notice(
                "the history is damaged, so events are missing here; `journal verify` lists where"
            )


def in_time(
    found: Iterable[tuple[Event, Effect]], speed: float, max_wait: float | None
) -> Iterator[tuple[Event, Effect]]:
    """The same events with their effects, each when it is due."""
    if speed == math.inf:
        yield from found
        return
    effects: deque[Effect] = deque()  # of the events that `paced` has taken but not yielded

    def steps() -> Iterator[Step]:
        for event, effect in found:
            effects.append(effect)
            yield Step(event, None, None)  # `paced` looks at its time only

    for step in paced(steps(), speed, max_wait, sleep=_pause):
        yield step.event, effects.popleft()


def _pause(seconds: float) -> None:
    """Sleep; on a terminal, show how long a long sleep still takes."""
    end = time.monotonic() + seconds
    noticed = seconds > _SHORTEST_NOTICE and sys.stderr.isatty()
    try:
        while (left := end - time.monotonic()) > 0:
            if noticed:
                _notice(f"(next in {duration(math.ceil(left))})")
            time.sleep(min(left, _TICK))
    finally:
        if noticed:
            _notice("")


def _notice(text: str) -> None:
    """Write over the last line of the terminal."""
    sys.stderr.write(f"\r\x1b[K{text}")
    sys.stderr.flush()
