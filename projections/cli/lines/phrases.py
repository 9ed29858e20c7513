"""What happened, in the words of a line: `→ lookup(order=17)`, `✓ completed  1.2 s`."""

from collections.abc import Callable, Iterator
from typing import Any

from projections.cli.formats.durations import duration
from projections.cli.formats.values import arguments_text, clean, error_text, value_text
from projections.cli.lines.marks import Marks
from projections.cli.lines.phrase_parts import MUST, Phrase, Words
from projections.cli.terminal.output import Style, colour_of, plain
from projections.compare.difference import LeafChange, diff
from projections.compare.encoding import compact_json
from projections.turns import kinds
from projections.turns.kinds import Happening
from projections.turns.usage import cost_in, tokens_in


def phrases(found: list[Happening], marks: Marks, runtime_id: str = "") -> list[Phrase]:
    """The phrases of what one event did, in their order. What others of them say is left out."""
    kept = [each for each in found if not _is_said_by_others(each, found, runtime_id)]
    return [phrase for each in kept or found for phrase in _phrases_of(each, marks, runtime_id)]


def _is_said_by_others(each: Happening, found: list[Happening], runtime_id: str) -> bool:
    match each:
        case kinds.Opened(agent, parent):
            says_more = (kinds.Said, kinds.Asked, kinds.Ended, kinds.TurnEnded)
            is_usual = parent is None and agent in (None, runtime_id)
            return is_usual and any(isinstance(other, says_more) for other in found)
        case kinds.Used():
            return any(isinstance(other, kinds.TurnEnded) for other in found)
        case kinds.TurnWaits():
            return any(isinstance(other, kinds.Waits) for other in found)
        case kinds.Waits(call):
            later = (kinds.Answered, kinds.Ended)
            return any(isinstance(other, later) and other.call == call for other in found)
        case kinds.Started(call):
            return any(isinstance(other, kinds.Answered) and other.call == call for other in found)
    return False


def _phrases_of(each: Happening, marks: Marks, runtime_id: str) -> Iterator[Phrase]:
    if isinstance(each, kinds.Changed):
        yield from _changes(each, marks)
    elif isinstance(each, kinds.Opened):
        yield _opened(each, runtime_id)
    else:
        yield _MAKERS[type(each)](each, marks)


def _opened(each: kinds.Opened, runtime_id: str) -> Phrase:
    parts = [Words("opened", "dim")]
    if each.agent not in (None, runtime_id):
        parts.append(Words(clean(each.agent or ""), "dim", " as "))
    if each.parent is not None:
        parts.append(Words(clean(each.parent.runtime_id), "dim", " for "))
    return Phrase(60, parts)


def _said(each: kinds.Said, marks: Marks) -> Phrase:
    rank = {"user": 25, "assistant": 50}.get(each.role, 70)
    words = Words(clean(each.text), None, " ", least=16 if rank == 25 else 10)
    return Phrase(rank, [Words(f"{clean(each.role)}:", "bold" if rank == 25 else "dim"), words])


def _asked(each: kinds.Asked | kinds.Rephrased, marks: Marks) -> Phrase:
    parts = [Words(f"{marks.ask} ", "dim"), Words(_tool(each), "bold")]
    if each.arguments is not None:
        parts += [
            Words("("),
            Words(arguments_text(each.arguments), least=8),
            Words(")"),
        ]
    return Phrase(30 if isinstance(each, kinds.Asked) else 55, parts)


def _waits(each: kinds.Waits, marks: Marks) -> Phrase:
    return Phrase(5, [Words(f"{marks.wait} waits for approval of ", "yellow"), Words(_tool(each))])


def _answered(each: kinds.Answered, marks: Marks) -> Phrase:
    return Phrase(35, [Words(f"{marks.done} {clean(each.answer)} "), Words(_tool(each))])


def _started(each: kinds.Started, marks: Marks) -> Phrase:
    return Phrase(40, [Words(f"{marks.start} ", "dim"), Words(_tool(each)), Words(" runs")])


def _ended(each: kinds.Ended, marks: Marks) -> Phrase:
    if not each.is_kept:
        return Phrase(
            20,
            [
                Words(f"{marks.answer} ", "dim"),
                Words(_tool(each)),
                Words("(not kept)", "dim", "  "),
            ],
        )
    rank, parts = 20, [Words(f"{marks.answer} ", "dim"), Words(_tool(each), "bold")]
    if each.status == "error":
        rank, parts = 8, [Words(f"{marks.fail} ", "red"), Words(_tool(each), "red")]
    elif each.status == "denied":
        rank, parts = 8, [Words(f"{marks.stop} denied ", "red"), Words(_tool(each))]
    elif each.status != "completed":
        parts = [Words(f"{marks.stop} {each.status} ", "yellow"), Words(_tool(each))]
    if each.seconds is not None:
        parts.append(Words(duration(each.seconds), "dim", "  ", 45))
    if each.exit_code is not None and each.exit_code != 0:
        parts.append(Words(f"exit {clean(value_text(each.exit_code))}", "red", "  ", 9))
    if each.error is not None:
        parts.append(Words(error_text(each.error), None, "  ", least=16))
    if each.result is not None:
        parts.append(Words(value_text(each.result), None, "  ", least=8))
    return Phrase(rank, parts)


def _used(each: kinds.Used, marks: Marks) -> Phrase:
    parts = [Words(clean(each.model), "dim")] if each.model is not None else []
    parts += _amounts(each.usage)
    if not parts:
        parts = [Words(compact_json(each.usage), "dim")]
    return Phrase(80, [parts[0]._replace(lead="", rank=MUST), *parts[1:]])


def _amounts(usage: dict[str, float]) -> list[Words]:
    tokens, cost = tokens_in(usage), cost_in(usage)
    parts = [Words(f"{tokens:,} tokens", "dim", "  ", 52)] if tokens else []
    if cost:
        parts.append(Words(f"${cost:.4g}", "dim", "  ", 53))
    return parts


def _handed_over(each: kinds.HandedOver, marks: Marks) -> Phrase:
    parts = [
        Words(f"{marks.hand} ", "bold"),
        Words("hands over to "),
        name_part(each.runtime_id),
    ]
    if each.session_id is not None:
        parts.append(Words(clean(each.session_id), None, " in session "))
    return Phrase(12, parts)


def _not_kept(each: kinds.NotKept, marks: Marks) -> Phrase:
    counts = ((each.calls, "call"), (each.messages, "message"))
    words = ", ".join(f"{count} {name}{'s' * (count != 1)}" for count, name in counts if count)
    return Phrase(85, [Words(f"({words} not kept)", "dim")])


def _turn_waits(each: kinds.TurnWaits, marks: Marks) -> Phrase:
    return Phrase(5, [Words(f"{marks.wait} waits", "yellow")])


def _resumed(each: kinds.Resumed, marks: Marks) -> Phrase:
    return Phrase(40, [Words(f"{marks.start} goes on")])


def _turn_ended(each: kinds.TurnEnded, marks: Marks) -> Phrase:
    mark, style = ending(each.status, marks)
    parts = [Words(f"{mark} {each.status}", style)]
    is_clear = each.error is None
    if not is_clear:
        parts.append(Words(error_text(each.error), None, " ", least=24))
    if each.seconds is not None:
        lead, rank = (" ", 15) if is_clear else ("  ", 51)
        parts.append(Words(duration(each.seconds), "dim", lead, rank))
    parts += _amounts(each.usage)
    if each.model is not None:
        parts.append(Words(clean(each.model), "dim", "  ", 90))
    if each.stop_reason is not None:
        parts.append(Words(clean(each.stop_reason), "dim", "  ", 95))
    return Phrase(10 if each.status == "completed" else 0, parts)


def ending(status: str, marks: Marks) -> tuple[str, Style]:
    """The mark and the style of how something ended."""
    if status == "completed":
        return marks.done, "green"
    return (marks.fail, "red") if status in ("error", "interrupted") else (marks.stop, "yellow")


def _unchanged(each: kinds.Unchanged, marks: Marks) -> Phrase:
    return Phrase(0, [Words("(unchanged)", "dim")])


_MAKERS: dict[type[Any], Callable[[Any, Marks], Phrase]] = {
    kinds.Said: _said,
    kinds.Asked: _asked,
    kinds.Rephrased: _asked,
    kinds.Waits: _waits,
    kinds.Answered: _answered,
    kinds.Started: _started,
    kinds.Ended: _ended,
    kinds.Used: _used,
    kinds.HandedOver: _handed_over,
    kinds.NotKept: _not_kept,
    kinds.TurnWaits: _turn_waits,
    kinds.Resumed: _resumed,
    kinds.TurnEnded: _turn_ended,
    kinds.Unchanged: _unchanged,
}


# Of states that nobody here knows


def _changes(each: kinds.Changed, marks: Marks) -> Iterator[Phrase]:
    changes = diff(each.old, each.new).lines()
    if not changes:
        yield Phrase(50, [Words(compact_json(each.new), "dim")])
    for change in changes:
        yield Phrase(50, _change(change, marks))


def _change(change: LeafChange, marks: Marks) -> list[Words]:
    path = plain(change.path)
    if change.mark == "-":
        return [Words(f"-{path}", "red")]
    parts = [Words(path, "dim"), Words(" ")] if path else []
    if change.mark == "~":
        old = Words(value_text(change.old), "yellow", least=8)
        parts += [old, Words(marks.to, "dim")]
    return [*parts, Words(value_text(change.new), "green", least=8)]


# Names


def name_part(runtime_id: str) -> Words:
    return Words(plain(runtime_id), colour_of(runtime_id))


def _tool(each: Any) -> str:
    if each.name is not None:
        return clean(each.name)
    call_id = each.call[0]
    return f"call {clean(call_id)}" if isinstance(call_id, str) else "a call"
