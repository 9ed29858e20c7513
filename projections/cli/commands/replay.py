"""`journal replay`: shows the events again, as far apart as they were, or faster."""

import math
import re
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import click

from journal.events import Event
from projections.cli.arguments.choice_options import filter_options
from projections.cli.arguments.filters import Filter, chosen_by
from projections.cli.arguments.optional_session import session_and_matches
from projections.cli.arguments.options import Converter, folder_option, output_option
from projections.cli.events.backlog import Backlog
from projections.cli.lines.effects import Effect
from projections.cli.lines.printing import EventPrinter
from projections.cli.names.filter_names import ChosenNames
from projections.cli.replay.owner_changes import OwnerChanges
from projections.cli.replay.pauses import in_time
from projections.cli.sessions.opening import opened, require_log
from projections.cli.terminal.output import Segment, notice

_SPEED = re.compile(r"(\d+(?:\.\d*)?|\.\d+)x?", re.ASCII | re.IGNORECASE)
_MARKED = ("short", "pretty")  # forms of output that say where the session changes hands
_SLOWEST, _FASTEST = 0.001, 1_000_000.0
_MOST_AT_EASE = 2.0  # seconds of a pause, where nobody has said at what speed


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
@session_and_matches
@filter_options
@click.option(
    "--speed",
    type=SPEED,
    help="1x, 10x, 0.5x or max.  [default: max; with --max-wait, and on a terminal, 1x]",
)
@click.option(
    "--max-wait",
    type=SECONDS,
    help="Pause at most this long between two events.  [default: no limit; on a terminal "
    f"without --speed, {_MOST_AT_EASE:g}]",
)
@click.option("--step", is_flag=True, help="Begin paused, on a terminal: space goes on.")
@output_option("short", "diff", "pretty", "jsonl")
@folder_option
def replay_command(
    session_id: str,
    matches: tuple[str, ...],
    speed: float | None,
    max_wait: float | None,
    step: bool,
    output: str,
    folder: str | None,
    lines: int | None,
    **choice: Any,
) -> None:
    """Show the turns again, at the recorded speed or faster.

    Each event appears when it is due, archived ones included. At --speed 1x the time between
    two events is the recorded one, at 10x a tenth of it; at max there is none. Nothing is
    executed. Looks like `journal log`, with a line where the session changes hands; -o jsonl
    has the same fields. Events are chosen as in `journal log`.

    On a terminal keys are obeyed, unless --speed is max: space shows the next event now, the
    arrows step forward and back, p pauses, + and - change the speed, Enter shows all of the
    event, q ends; whoever ends it early gets exit code 0, as from a pager.

    Without SESSION, the one that changed last is shown.

    \b
    Examples:
      journal replay my-session
      journal replay my-session --speed 10x --max-wait 2
      journal replay my-session -u native -S 10 -U 20 --speed 1x -o pretty
      journal replay my-session --speed 1x -o jsonl | my-consumer
    """
    if max_wait is not None and speed == math.inf:
        raise click.UsageError("--max-wait needs a --speed: at max there are no pauses")
    from projections.cli.terminal.keyboard import can_read_keys

    has_keys = speed != math.inf and output != "jsonl" and can_read_keys()
    if step and not has_keys:
        raise click.UsageError("--step needs a terminal, a --speed other than max and no -o jsonl")
    if speed is None and has_keys and max_wait is None:
        max_wait = _MOST_AT_EASE
    if speed is None:
        speed = 1.0 if has_keys or max_wait is not None else math.inf
    with opened(folder, reading=True) as store:
        require_log(store, session_id)
        names = ChosenNames(store, [session_id], choice, matches)
        chosen = chosen_by(matches, **names.choice)
        chosen.watch(names)
        printer = EventPrinter(
            store, output, searched=chosen.searched, needs_effects=chosen.needs_effects
        )
        backlog = Backlog(store, session_id, None, printer.effects)
        found = _shown(backlog, chosen, lines, is_marked=output in _MARKED)
        screen = _Screen(backlog, printer, at_once=speed != math.inf)
        if has_keys:
            is_whole = _play(found, screen, speed, max_wait, is_paused=step)
        else:
            for shown in in_time(found, speed, max_wait):
                screen.show(shown)
            printer.flush()
            is_whole = True
        if backlog.is_damaged:
            notice(
                "the history is damaged, so events are missing here; `journal verify` lists where"
            )
        if is_whole:
            names.require()


class Shown(NamedTuple):
    """An event of the replay, and the line before it if the session changes hands."""

    event: Event
    effect: Effect
    mark: list[Segment] | None

    @property
    def ts(self) -> str:
        return self.event.ts


def _shown(
    backlog: Backlog, chosen: Filter, lines: int | None, *, is_marked: bool
) -> Iterator[Shown]:
    """The chosen events; if asked to, with a mark where the session has changed hands.

    Who has the session is known from its first event on: the last `lines` are not read from the
    end of the log then.
    """
    if not is_marked:
        yield from (Shown(*each, None) for each in backlog.choose(chosen, lines, False))
        return
    changes = OwnerChanges()
    chosen.see_all(changes.fold)
    every = backlog.choose(chosen, None, False)
    marked = (Shown(event, effect, changes.mark(event)) for event, effect in every)
    yield from marked if lines is None else deque(marked, maxlen=lines)


class _Screen:
    """Prints what is replayed of the session that a backlog is of; each event `at_once` or not."""

    def __init__(self, backlog: Backlog, printer: EventPrinter, *, at_once: bool) -> None:
        self._at_once = at_once
        self._backlog = backlog
        self._printer = printer

    def show(self, shown: Shown, *, with_mark: bool = True) -> None:
        if shown.mark is not None and with_mark:
            self._printer.print_line(*shown.mark)
        session_id, log_id = self._backlog.session_id, self._backlog.log_id
        self._printer.print(session_id, log_id, shown.event, shown.effect)
        if self._at_once:
            self._printer.flush()

    def show_whole(self, shown: Shown) -> None:
        """All of an event, its state indented. Raises `DamagedError`."""
        self._printer.print_whole(self._backlog.session_id, shown.event)
        self._printer.flush()

    def show_line(self, text: str) -> None:
        self._printer.print_line((text, "dim"))
        self._printer.flush()


def _play(
    found: Iterator[Shown],
    screen: _Screen,
    speed: float,
    max_wait: float | None,
    *,
    is_paused: bool,
) -> bool:
    """Play at a terminal. Whether to the end."""
    from projections.cli.replay.keys import ReplayAtTerminal
    from projections.cli.replay.player import Player, Tape
    from projections.cli.terminal.keyboard import Keyboard

    with Keyboard() as keyboard:
        player = Player(Tape(found), speed, max_wait, is_paused=is_paused)
        return ReplayAtTerminal(player, keyboard, screen).run()
