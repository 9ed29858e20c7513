"""The choice of events to show: by fields, by a pattern, and by time."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
import msgspec

from journal.errors import DamagedError, EncryptionKeyError
from journal.events import Event, Set
from journal.state import decode_state
from projections.cli.arguments.event_search import EventSearch
from projections.cli.lines.effects import Effect
from projections.cli.names.filter_names import ChosenNames
from projections.cli.names.naming import close_to
from projections.replay import concerns, is_between
from projections.turns.statuses import is_over, turn_status

_FIELDS = ("op", "seq", "writer", "runtime_id", "turn_id", "source", "target", "reason", "status")
_ALIASES = {"event": "op", "runtime": "runtime_id", "turn": "turn_id"}
_STATE = "state."
_OVER = "over"  # a value of `status`: any after which nothing more is to come


class Filter:
    """Events for which all conditions hold; of several values for one field, any counts.

    `searched` is the pattern that they match, None if they match none. A pattern is matched
    against what an event did, so the effect of the event has to be known.
    """

    def __init__(self) -> None:
        self._conditions: list[Callable[[Event], bool]] = []
        self._texts: list[Callable[[Event, Effect], bool]] = []
        self.searched: re.Pattern[str] | None = None

    def __call__(self, event: Event, effect: Effect) -> bool:
        return self.by_itself(event) and all(text(event, effect) for text in self._texts)

    def by_itself(self, event: Event) -> bool:
        """Whether the conditions hold that do not depend on what the event did."""
        return all(condition(event) for condition in self._conditions)

    @property
    def needs_effects(self) -> bool:
        """Whether there are others."""
        return bool(self._texts)

    def __bool__(self) -> bool:
        return bool(self._conditions or self._texts)

    def add(self, other: "Filter") -> None:
        """Events for which the conditions of the other one hold as well."""
        self._conditions += other._conditions
        self._texts += other._texts
        self.searched = self.searched or other.searched

    def inverted(self) -> "Filter":
        """The events that this one leaves out."""
        found = Filter()
        if self._texts:
            found._texts.append(lambda event, effect: not self(event, effect))
        else:
            found._conditions.append(lambda event: not self.by_itself(event))
        return found

    def see_all(self, seen: Callable[[Event], object]) -> None:
        """Show `seen` each event before it is looked at, whether it is chosen or not."""
        self._conditions.insert(0, lambda event: seen(event) is None or True)

    def watch(self, names: ChosenNames) -> None:
        """Show `names` each event that meets all conditions so far."""
        if names:
            self._conditions.append(names.meet)

    def between(self, since: int | str | None, until: int | str | None) -> None:
        if since is not None or until is not None:
            self._conditions.append(lambda event: is_between(event, since, until))

    def runtimes(self, runtime_ids: Iterable[str]) -> None:
        """Events that concern one of these runtimes, handoffs to it included."""
        wanted = tuple(runtime_ids)
        if wanted:
            self._conditions.append(
                lambda event: any(concerns(event, runtime_id) for runtime_id in wanted)
            )

    def fields(self, matches: Iterable[str]) -> None:
        """Each match is `FIELD=VALUE`. Raises click.BadParameter."""
        wanted: dict[str, set[str]] = {}
        for match in matches:
            if not is_condition(match):
                raise click.BadParameter(not_a_condition(match))
            name, _, value = match.partition("=")
            wanted.setdefault(_ALIASES.get(name, name), set()).add(value)
        for name, values in wanted.items():
            self._conditions.append(_field_condition(name, values))

    def grep(self, pattern: str | None) -> None:
        """Search the lines, as a pipe gets them. If `pattern` is all lower case, case is ignored.

        So it finds what `grep` finds in the output. Raises click.BadParameter.
        """
        if pattern is None:
            return
        try:
            found = re.compile(pattern, re.IGNORECASE if pattern == pattern.lower() else 0)
        except re.error as error:
            raise click.BadParameter(f"{pattern!r} is not a regular expression: {error}") from None
        self._texts.append(EventSearch(found))
        self.searched = found


def is_condition(text: str) -> bool:
    """Whether a text is `FIELD=VALUE` with a field that events have."""
    name, equals, _ = text.partition("=")
    name = _ALIASES.get(name, name)
    return bool(equals) and (name in _FIELDS or name.startswith(_STATE))


def not_a_condition(text: str) -> str:
    """Says what a condition would be, and which field was meant if one is like it."""
    known = ", ".join([*_FIELDS, "state.KEY"])
    close = close_to(text.partition("=")[0], _FIELDS)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{text!r} is not FIELD=VALUE with FIELD one of {known}{hint}"


def _field_condition(name: str, values: set[str]) -> Callable[[Event], bool]:
    if name.startswith(_STATE):
        path = name.removeprefix(_STATE).split(".")
        return lambda event: _as_text(_value_in(event, path)) in values
    if name == "status":
        return lambda event: _has_status(event, values)
    return lambda event: _as_text(getattr(event, name, None)) in values


def _has_status(event: Event, wanted: set[str]) -> bool:
    """Whether a set says of its turn that it has one of these statuses, in whatever words."""
    said = _value_in(event, ["status"])
    status = turn_status(said)
    return _as_text(said) in wanted or status in wanted or (_OVER in wanted and is_over(status))


def _value_in(event: Event, path: list[str]) -> Any:
    if not isinstance(event, Set):
        return None
    try:
        value = decode_state(bytes(event.state))
    except (DamagedError, EncryptionKeyError):
        return None
    for key in path:
        if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict):
            value = value.get(key)
        else:
            return None
    return value


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def chosen_by(
    matches: Sequence[str] = (),
    *,
    since: int | str | None = None,
    until: int | str | None = None,
    runtimes: Sequence[str] = (),
    turns: Sequence[str] = (),
    events: Sequence[str] = (),
    pattern: str | None = None,
    invert: bool = False,
) -> Filter:
    """The filter that `choice_options` ask for. Raises click.BadParameter and click.UsageError.

    To invert turns round the pattern, or without one the other conditions; never the time.
    """
    fields, text, chosen = Filter(), Filter(), Filter()
    fields.runtimes(runtimes)
    fields.fields(
        [*matches, *(f"turn_id={turn}" for turn in turns), *(f"op={event}" for event in events)]
    )
    text.grep(pattern)
    if invert and text:
        text = text.inverted()
    elif invert and fields:
        fields = fields.inverted()
    elif invert:
        raise click.UsageError(
            "-v turns a choice round; say which with -g, -u, -t, -e or FIELD=VALUE"
        )
    chosen.between(since, until)
    chosen.add(fields)
    chosen.add(text)
    return chosen
