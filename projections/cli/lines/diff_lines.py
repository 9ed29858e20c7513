"""The lines of `-o diff`: what a state's values were and are. Those of version 0.1."""

from journal.errors import DamagedError, EncryptionKeyError
from journal.events import Clear, Event, Handoff, Set, Takeover
from journal.state import decode_state
from projections.cli.formats.clocks import output_clock
from projections.cli.lines.effects import Effect
from projections.cli.terminal.output import Segment, Style, colour_of, plain
from projections.cli.terminal.texts import shorten
from projections.compare.difference import LeafChange, diff
from projections.compare.encoding import compact_json

_MOST_CHANGES = 6
_LONGEST_VALUE = 40
_LONGEST_ID = 16
_LONGEST_PATH = 80
_LONGEST_REASON = 200
_MARK_STYLES: dict[str, Style] = {"+": "green", "-": "red", "~": "yellow"}


class DiffLines:
    """Lays events out in columns that grow with the ids that come.

    On a terminal there is little room, so today's events have a time but no date.
    """

    def __init__(self, *, with_session: bool = False) -> None:
        self._with_session = with_session
        self._clock = output_clock()
        self._widths = {"session": 0, "time": 0, "runtime": 8, "turn": 8}

    def line(self, session_id: str, event: Event, effect: Effect) -> list[Segment]:
        """The line of one event, without its newline."""
        runtime, turn = event.runtime_id or "", event.turn_id or ""
        session = [self._column("session", session_id, "bold"), "  "] if self._with_session else []
        return [
            (f"{event.seq:>4}", "dim"),
            "  ",
            self._column("time", self._clock(event.ts), "dim"),
            "  ",
            *session,
            self._column("runtime", runtime, colour_of(runtime) if runtime else None),
            "  ",
            self._column("turn", turn, None),
            "  ",
            *changes_of(event, effect),
        ]

    def _column(self, name: str, text: str, style: Style) -> Segment:
        shown = text if name == "time" else shorten(plain(text), _LONGEST_ID)
        self._widths[name] = max(self._widths[name], len(shown))
        shown = shown.rjust(self._widths[name]) if name == "time" else shown
        return shown.ljust(self._widths[name]), style


def changes_of(event: Event, effect: Effect) -> list[Segment]:
    """What an event did; a set is described by its changes alone."""
    match event:
        case Set():
            return _changes(event, effect)
        case Clear():
            named = event.runtime_id is not None
            whose = shorten(event.runtime_id or "", _LONGEST_ID) if named else "all runtimes"
            turns = f", {effect.dropped} turn{'s' * (effect.dropped != 1)}" if effect.known else ""
            return [("clear", "red"), f" {whose}{turns}"]
        case Handoff():
            reason = (
                f"  {shorten(compact_json(event.reason), _LONGEST_REASON)}" if event.reason else ""
            )
            target = shorten(event.target, _LONGEST_ID), colour_of(event.target)
            return [("handoff", "bold"), " → ", target, reason]
        case Takeover():
            answers = f"answers {event.handoff_seq}" if event.handoff_seq else "unannounced"
            style: Style = None if event.handoff_seq else "red"
            seen = f", has seen up to {event.seen_seq}"
            return [("takeover", "bold"), " ", (answers, style), seen]
        case _:
            return [(event.op, "bold"), (" (this version does not know it)", "dim")]


def _changes(event: Set, effect: Effect) -> list[Segment]:
    try:
        new = decode_state(bytes(event.state))
        old = decode_state(effect.before) if effect.before is not None else {}
    except EncryptionKeyError as error:
        return [(f"encrypted with the key {error.key_id}", "dim")]
    except DamagedError:
        return [("(its state cannot be decoded)", "red")]
    if not effect.known:
        return [shorten(compact_json(new), 2 * _LONGEST_VALUE)]
    changes = diff(old, new).lines()
    if not changes:
        return [("(unchanged)" if effect.before is not None else "{}", "dim")]
    found: list[Segment] = []
    for change in changes[:_MOST_CHANGES]:
        found += [" "] * bool(found)
        found.append((_change_text(change), _MARK_STYLES[change.mark]))
    if len(changes) > _MOST_CHANGES:
        found.append((f" … {len(changes) - _MOST_CHANGES} more", "dim"))
    return found


def _change_text(change: LeafChange) -> str:
    """`+a=1`, `-a`, or `a=1→2`; long values are cut."""
    old, new = (shorten(compact_json(value), _LONGEST_VALUE) for value in (change.old, change.new))
    path = shorten(change.path, _LONGEST_PATH)
    match change.mark:
        case "+":
            return f"+{path}={new}"
        case "-":
            return f"-{path}"
        case _:
            return f"{path}={old}→{new}"
