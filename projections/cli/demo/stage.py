"""Shows what happens in a session: the lines of `journal tail`, and words in between."""

from collections.abc import Callable

from projections.cli.lines.effects import Effects
from projections.cli.lines.printing import EventPrinter
from projections.cli.terminal.output import LineWriter, width
from projections.cli.terminal.wrapping import wrapped
from projections.store.store import DefaultSessionStore
from projections.view import View


class Stage:
    """Follows one session of a store, which closes it."""

    def __init__(
        self, store: DefaultSessionStore, session_id: str, pause: Callable[[float], None]
    ) -> None:
        self._store = store
        self._session_id = session_id
        self._pause = pause
        self._tail = store.tail(session_id)
        self._printer = EventPrinter(store, "short")
        self._effects = Effects(lambda *_: View())  # from its first event on
        self.writer = LineWriter()

    def say(self, *lines: str, pause: float = 0.0, gap: bool = True) -> None:
        """Print a few words, after a gap, then wait."""
        if gap:
            self.writer.line([])
        for line in (piece for text in lines for piece in wrapped(text, "", width())):
            self.writer.line([(line, "dim")])
        self.writer.flush()
        if pause:
            self._pause(pause)

    def show(self, pause: float) -> None:
        """Print the events that are new, of which there is at least one, then wait."""
        newest = self._newest()
        for session_id, cursor, event, _ in self._tail:
            effect = self._effects.effect_of(session_id, event)
            self._printer.print(session_id, cursor.log_id, event, effect)
            if cursor.seq >= newest:
                break
        self._printer.flush()
        self._pause(pause)

    def _newest(self) -> int:
        past = self._store.past(self._session_id)
        return max((e.event.seq for e in past.in_order()), default=0) if past is not None else 0
