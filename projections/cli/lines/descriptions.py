"""What an event did, in words: the end of its line."""

from collections import OrderedDict

from journal.errors import DamagedError, EncryptionKeyError
from journal.events import Clear, Event, Handoff, Set, Takeover
from journal.state import decode_state
from projections.cli.formats.values import clean
from projections.cli.lines.effects import Effect
from projections.cli.lines.marks import UNICODE, Marks
from projections.cli.lines.phrase_fitting import fit, whole
from projections.cli.lines.phrase_parts import Phrase, Words
from projections.cli.lines.phrases import name_part, phrases
from projections.cli.terminal.output import Segment
from projections.turns.contents import TurnContents, contents_of
from projections.turns.happenings import happenings
from projections.turns.kinds import Happening, Opened

_MOST_STATES = 64
_MOST_BYTES = 1 << 22  # of states that are kept decoded


class _Recent:
    """What the states hold that were read last: each is read once, and compared twice."""

    def __init__(self) -> None:
        self._contents: OrderedDict[bytes, TurnContents] = OrderedDict()
        self._bytes = 0

    def contents(self, state: bytes) -> TurnContents:
        """Raises `DamagedError`."""
        found = self._contents.get(state)
        if found is None:
            found = self._contents[state] = contents_of(decode_state(state))
            self._bytes += len(state)
            while len(self._contents) > _MOST_STATES or (
                self._bytes > _MOST_BYTES and len(self._contents) > 1
            ):
                gone, _ = self._contents.popitem(last=False)
                self._bytes -= len(gone)
        else:
            self._contents.move_to_end(state)
        return found


_recent = _Recent()


def describe(
    event: Event, effect: Effect, room: int | None = None, marks: Marks = UNICODE
) -> list[Segment]:
    """What an event did: all of it, or what matters most in `room` columns."""
    found = _phrases(event, effect, marks)
    return list(whole(found) if room is None else fit(found, max(room, 1), marks))


def _phrases(event: Event, effect: Effect, marks: Marks) -> list[Phrase]:
    match event:
        case Set():
            return _of_set(event, effect, marks)
        case Clear():
            return [_cleared(event, effect)]
        case Handoff():
            return [_handed_over(event, marks)]
        case Takeover():
            return [_taken_over(event, marks)]
        case _:
            known = Words("(this version does not know it)", "dim", " ")
            return [Phrase(0, [Words(clean(event.op), "bold"), known])]


def _of_set(event: Set, effect: Effect, marks: Marks) -> list[Phrase]:
    if event.erased is not None:
        return [Phrase(0, [Words("(erased)", "dim")])]
    try:
        after = _recent.contents(bytes(event.state))
        before = _recent.contents(effect.before) if effect.before is not None else None
    except EncryptionKeyError as error:
        return [Phrase(0, [Words(f"encrypted with the key {error.key_id}", "dim")])]
    except DamagedError:
        return [Phrase(0, [Words("(its state cannot be decoded)", "red")])]
    found: list[Happening] = happenings(before, after)
    if effect.known:
        return phrases(found, marks, event.runtime_id)
    so_far: list[Happening] = [each for each in found if not isinstance(each, Opened)]
    return [
        Phrase(88, [Words("so far:", "dim")]),
        *phrases(so_far or found, marks, event.runtime_id),
    ]


def _cleared(event: Clear, effect: Effect) -> Phrase:
    whose = name_part(event.runtime_id) if event.runtime_id is not None else Words("all runtimes")
    parts = [Words("clears ", "red"), whose]
    if effect.known:
        parts.append(Words(f", {effect.dropped} turn{'s' * (effect.dropped != 1)}"))
    return Phrase(0, parts)


def _handed_over(event: Handoff, marks: Marks) -> Phrase:
    parts = [Words(f"{marks.hand} hands over to ", "bold"), name_part(event.target)]
    if event.reason:
        parts.append(Words(clean(event.reason), None, "  ", least=8))
    return Phrase(0, parts)


def _taken_over(event: Takeover, marks: Marks) -> Phrase:
    parts = [
        Words(f"{marks.take} ", "bold"),
        name_part(event.runtime_id),
        Words(" takes over"),
    ]
    if event.handoff_seq:
        parts.append(Words(f"answers {event.handoff_seq}", "dim", "  ", 50))
    else:
        parts.append(Words("unannounced", "red", "  "))
    parts.append(Words(f", has seen up to {event.seen_seq}", "dim", "", 60))
    return Phrase(0, parts)
