"""A replay at a terminal: what keys do, and the line at the bottom that names them."""

import math
import sys
from typing import Generic, Protocol, TypeVar

from journal.errors import DamagedError
from projections.cli.formats.durations import duration
from projections.cli.replay.pauses import LONG
from projections.cli.replay.player import Item, Player
from projections.cli.terminal.keyboard import Keyboard
from projections.cli.terminal.output import has_colour, paint, width

_TICK = 1.0  # seconds between two updates of the line
_HINTS = (  # as they stand, with how much each matters
    ("space next", 5),
    ("←→ step", 4),
    ("p pause", 3),
    ("+- speed", 2),
    ("enter whole", 1),
    ("q quit", 6),
)


Other = TypeVar("Other", contravariant=True)


class Screen(Protocol[Other]):
    """Prints what is replayed."""

    def show(self, shown: Other, *, with_mark: bool = True) -> None:
        """An event, and a line before it if the session changes hands there."""
        ...

    def show_whole(self, shown: Other) -> None:
        """All of an event. Raises `DamagedError`."""
        ...

    def show_line(self, text: str) -> None:
        """A line between the events."""
        ...


class ReplayAtTerminal(Generic[Item]):
    """Shows what a player plays, and obeys the keys."""

    def __init__(self, player: Player[Item], keyboard: Keyboard, screen: Screen[Item]) -> None:
        self._player = player
        self._keyboard = keyboard
        self._screen = screen
        self._goes_back = False
        self._remark = ""  # about the key that was pressed last
        self._has_status = False
        self._has_ended = False  # whether somebody was shown that nothing more comes

    def run(self) -> bool:
        """Until the end, or until somebody has enough of it. Whether the end was seen."""
        try:
            if self._player.is_paused:
                self._print(self._player.step())
            while self._player.is_paused or not self._player.is_at_end:
                wait = self._player.wait()
                if wait is not None and wait <= 0:
                    self._erase()
                    self._print(self._player.advance())
                    keys = self._keyboard.read(0)
                else:
                    self._draw(wait)
                    keys = self._keyboard.read(None if wait is None else min(wait, _TICK))
                for key in keys:
                    if key in ("q", "Q", "end"):
                        return self._has_ended
                    self._obey(key)
            return True
        finally:
            self._erase()

    def _obey(self, key: str) -> None:
        self._remark = ""
        self._erase()  # reading on may have something to say on standard error
        player = self._player
        match key:
            case "space":
                self._print(player.step())
            case "right" | "down" | "l" | "j" | "n":
                player.is_paused = True
                self._print(player.step())
            case "left" | "up" | "h" | "k" | "b":
                self._print_back(player.back())
            case "p":
                player.toggle()
            case "+" | "=":
                player.faster()
            case "-" | "_":
                player.slower()
            case "enter" if player.tape.current is not None:
                self._print_whole(player.tape.current)

    def _print(self, shown: Item | None) -> None:
        if shown is None:
            self._remark, self._has_ended = "that is the end", True
            return
        if self._goes_back:
            self._goes_back = False
            self._screen.show_line("── forward ──")
        self._screen.show(shown)

    def _print_back(self, shown: Item | None) -> None:
        if shown is None:
            is_cut = self._player.tape.is_cut
            self._remark = "no more is kept to go back to" if is_cut else "that is the first"
            return
        if not self._goes_back:
            self._goes_back = True
            self._screen.show_line("── back ──")
        self._screen.show(shown, with_mark=False)

    def _print_whole(self, shown: Item) -> None:
        try:
            self._screen.show_whole(shown)
        except DamagedError:
            self._remark = "its state cannot be decoded"

    # The line at the bottom

    def _draw(self, wait: float | None) -> None:
        if not self._keyboard.is_shown():
            return
        text = status_line(self._state(wait), (width() or 80) - 1, self._player.is_paused)
        sys.stdout.write("\r\x1b[K" + (paint(text, "dim") if has_colour() else text))
        sys.stdout.flush()
        self._has_status = True

    def _state(self, wait: float | None) -> str:
        player = self._player
        speed = "max" if player.speed == math.inf else f"{player.speed:g}x"
        if self._remark:
            return self._remark
        if wait is None:
            return f"paused, {speed}"
        if player.pause > LONG:
            return f"next in {duration(math.ceil(wait))}; space goes on"
        return speed if player.pause < _TICK else f"{speed}, next in {duration(math.ceil(wait))}"

    def _erase(self) -> None:
        if self._has_status:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()
            self._has_status = False


def status_line(state: str, columns: int, is_paused: bool = False) -> str:
    """The state, and as many of the hints as fit, the most important first. Pure."""
    hints = [
        ("p play" if is_paused and text == "p pause" else text, weight)
        for text, weight in _HINTS
        if not (text.startswith("space") and "space" in state)
    ]
    kept = sorted(hints, key=lambda hint: -hint[1])
    while kept and len("  ".join([state, *(text for text, _ in kept)])) > columns:
        kept.pop()
    shown = [text for text, weight in hints if (text, weight) in kept]
    return "  ".join([state, *shown])[:columns]
