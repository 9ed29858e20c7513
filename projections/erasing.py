"""What is to be erased: where a pattern matches, what redaction knows, turns and events.

A pattern is searched for as `journal grep` does it, in the texts that people know, and behind as
many more layers of JSON's escapes as there are: arguments of tool calls are JSON in a text.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Protocol

import msgspec

from journal.ciphertext import is_encrypted, unreadable
from journal.erasing import Choice
from journal.errors import DamagedError
from journal.events import Set
from journal.redaction import may_hold_secrets, redact, redact_text, secrets_in_name
from journal.redaction.locate import locate
from journal.snapshots import UNREADABLE
from journal.state import decode_state
from projections.search.pattern import Pattern
from projections.search.texts import texts_in_state

ERASED = "[ERASED]"
"""What takes the place of a text in a session file."""

_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf'{_HIGH}{_LOW}|\\(?:u[0-9a-fA-F]{{4}}|["\\/bfnrt])')
_unescape = msgspec.json.Decoder(str, strict=False).decode


class StoreChoice(Choice, Protocol):
    """A choice for session files too, whose texts are not in a log."""

    def masked(self, value: Any) -> Any:
        """A JSON value with what is to be erased replaced; the same object if nothing is."""
        ...


def choice_of(
    pattern: str | None,
    runtime_id: str | None = None,
    turn_id: str | None = None,
    seqs: Iterable[int] | None = None,
    *,
    fixed: bool = False,
    ignore_case: bool = False,
) -> StoreChoice:
    """What `erase` is asked for. Raises ValueError for what says nothing, or everything."""
    matching = None
    if pattern is not None:
        wanted = Pattern(pattern, fixed=fixed, ignore_case=ignore_case)
        if wanted.find("") is not None:
            raise ValueError(
                f"{pattern!r} matches an empty text too, and so it matches everywhere"
            )
        matching = MatchingChoice(wanted)
    numbers = frozenset(seqs) if seqs is not None else None
    if runtime_id is None and turn_id is None and numbers is None:
        if matching is None:
            raise ValueError("say what is to be erased: a pattern, a turn, or events by their seq")
        return matching
    return PlaceChoice(runtime_id, turn_id, numbers, matching)


def layers_of(text: str) -> Iterator[str]:
    """A text, and what it is with one more layer of JSON's escapes undone, until none is left."""
    yield text
    while "\\" in text:
        plainer = _ESCAPE.sub(_character, text)
        if plainer == text:
            return
        text = plainer
        yield text


def _character(found: re.Match[str]) -> str:
    try:
        return _unescape(f'"{found[0]}"')
    except msgspec.DecodeError:
        return "\ufffd"  # half of a pair of surrogates


class MatchingChoice:
    """All in which a pattern matches."""

    def __init__(self, pattern: Pattern) -> None:
        self._find = pattern.find

    def takes(self, event: Set) -> bool:
        try:
            return any(self.finds(text) for _, text in texts_in_state(event))
        except UNREADABLE:
            state = bytes(event.state)
            if is_encrypted(state):
                raise unreadable(state) from None
            return self.finds(state.decode(errors="replace"))  # no JSON: as bytes out of place

    def finds(self, text: str, /) -> bool:
        find = self._find
        if "\\" not in text:
            return find(text) is not None
        return any(find(each) is not None for each in layers_of(text))

    def masked(self, value: Any) -> Any:
        return _mapped(value, self._masked_text)

    def _masked_text(self, text: str) -> str:
        """Each match is replaced; if it stands behind escapes, the whole text."""
        return ERASED.join(map(self._masked_part, text.split(ERASED)))

    def _masked_part(self, text: str) -> str:
        done: list[str] = []
        rest = text
        while (found := self._find(rest)) is not None and found[0]:
            done += (rest[: found.start()], ERASED)
            rest = rest[found.end() :]
        return ERASED if any(map(self.finds, (*done[::2], rest))) else "".join((*done, rest))


class SecretsChoice:
    """All that today's redaction takes for secrets."""

    def takes(self, event: Set) -> bool:
        state = bytes(event.state)
        if not (is_encrypted(state) or may_hold_secrets(state)):
            return False
        try:
            return any(True for _ in locate(decode_state(state)))
        except DamagedError:
            if is_encrypted(state):
                raise
            return self.finds(state.decode(errors="replace"))

    def finds(self, text: str, /) -> bool:
        return redact_text(text) != text or any(True for _ in secrets_in_name(text))

    def masked(self, value: Any) -> Any:
        found = _mapped(redact(value), redact_text)
        return value if found == value else found


class PlaceChoice:
    """The states of turns and events: of those in all that are given, by `also` a choice too.

    What is no state has no such place: it stays.
    """

    def __init__(
        self,
        runtime_id: str | None = None,
        turn_id: str | None = None,
        seqs: Collection[int] | None = None,
        also: Choice | None = None,
    ) -> None:
        self._runtime_id = runtime_id
        self._turn_id = turn_id
        self._seqs = seqs
        self._also = also

    def takes(self, event: Set) -> bool:
        return (
            self._runtime_id in (None, event.runtime_id)
            and self._turn_id in (None, event.turn_id)
            and (self._seqs is None or event.seq in self._seqs)
            and (self._also is None or self._also.takes(event))
        )

    def finds(self, _text: str, /) -> bool:
        return False

    def masked(self, value: Any) -> Any:
        return value


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """The value with all its texts and keys changed; itself if none is.

    A key that becomes one that is there already gets a number.
    """
    if isinstance(value, str):
        changed = change(value)
        return changed if changed != value else value
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        text = repr(value)
        return value if change(text) == text else ERASED
    if isinstance(value, list):
        items = [_mapped(item, change) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else items
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    same = True
    for key, item in value.items():
        new_key, new_item = change(key), _mapped(item, change)
        same = same and new_key == key and new_item is item
        found[_free(new_key, found)] = new_item
    return value if same else found


def _free(key: str, taken: dict[str, Any]) -> str:
    number, free = 1, key
    while free in taken:
        number += 1
        free = f"{key} {number}"
    return free
