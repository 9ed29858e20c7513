"""Prints events in the form that was asked for."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from journal.errors import EncryptionKeyError, HistoryError, NotFoundError
from journal.events import Event, Set
from journal.state import decode_state
from projections.cli.documents.events import event_item, event_line
from projections.cli.documents.json_output import JsonLines, json_line
from projections.cli.lines.diff_lines import DiffLines
from projections.cli.lines.effects import Effect, Effects
from projections.cli.lines.event_lines import ShortLines, event_lines
from projections.cli.terminal.output import LineWriter, Segment
from projections.replay import view_as_of
from projections.store.store import DefaultSessionStore
from projections.view import View

_AT_ONCE = 1 << 16  # bytes of lines that are gathered before they are printed


class EventPrinter:
    """Prints events as `output` says: `short`, `diff`, `pretty`, `jsonl` or, elsewhere, `json`.

    `effects` is None where what an event replaced is not shown, unless it `needs_effects`. On a
    terminal, what `searched` matches is highlighted.
    """

    def __init__(
        self,
        store: DefaultSessionStore,
        output: str,
        *,
        with_session: bool = False,
        searched: re.Pattern[str] | None = None,
        needs_effects: bool = False,
    ) -> None:
        is_brief = output in ("short", "diff")
        self.effects = Effects(_loader(store)) if is_brief or needs_effects else None
        self._writer = LineWriter(cut=is_brief, searched=searched)
        self._whole = LineWriter(cut=False, searched=searched)
        self._output = output
        self._with_session = with_session
        self._lines = (DiffLines if output == "diff" else ShortLines)(with_session=with_session)

    def print(self, session_id: str, log_id: str, event: Event, effect: Effect) -> None:
        if self._output == "jsonl":
            self._writer.raw(json_line(event_item(session_id, log_id, event, effect.lost)))
        elif self._output == "pretty":
            self.print_whole(session_id, event)
        else:
            self._writer.line(self._lines.line(session_id, event, effect))

    def print_all(
        self, session_id: str, log_id: str, found: Iterable[tuple[Event, Effect]]
    ) -> None:
        """Print many events, as they come. If that fails, all that came before is printed."""
        if self._output != "jsonl":
            for event, effect in found:
                self.print(session_id, log_id, event, effect)
            return
        lines = JsonLines()
        try:
            for event, effect in found:
                if lines.add(event_line(session_id, log_id, event, effect.lost)) > _AT_ONCE:
                    self._writer.raw(lines.take())
        except Exception:
            self._writer.raw(lines.take())
            raise
        self._writer.raw(lines.take())

    def print_whole(self, session_id: str, event: Event) -> None:
        """Print all of an event over several lines, none of them cut. Raises `DamagedError`."""
        if self._with_session:
            self._whole.line([("session " + session_id, "bold")])
        for line in event_lines(event, _state_of(event)):
            self._whole.line(line)
        self._whole.line([])

    def print_line(self, *segments: Segment) -> None:
        self._writer.line(segments)

    def flush(self) -> None:
        self._writer.flush()


def _state_of(event: Event) -> Any:
    """What an event sets; None if nothing, or if it is encrypted and its key is not there."""
    if not isinstance(event, Set):
        return None
    try:
        return decode_state(bytes(event.state))
    except EncryptionKeyError:
        return None


def _loader(store: DefaultSessionStore) -> Callable[[str, int], View | None]:
    def load(session_id: str, seq: int) -> View | None:
        try:
            past = store.past(session_id, seq)
            return view_as_of(past, seq, session_id) if past is not None else None
        except (HistoryError, NotFoundError):
            return None

    return load
