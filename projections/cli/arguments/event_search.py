"""Searches what events did, and spares to find that out where it cannot match.

What a line says of a state is either in the state, or in the one before, or one of the words
that lines are made of. So a word that is in none of these is not in the line; nor is one that
is only in calls and messages that both states have.
"""

import re
from collections import OrderedDict

from journal.events import Event, Set
from projections.cli.lines.effects import Effect
from projections.cli.lines.event_text import event_text
from projections.turns.unchanged import without_common

_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")
_WORD = re.compile(r"[A-Za-z]{3,}")
_OF_LINES = (
    "opened as for user assistant system developer thinking waits for approval of allowed runs "
    "denied completed error cancelled interrupted abandoned open waiting exit tokens hands over "
    "to in session calls messages not kept goes on unchanged so far its state cannot be decoded "
    "clears all runtimes turns takes over answers unannounced has seen up to this version does "
    "not know it a call ms null true false encrypted with the key"
)
"""Every word that a line may have of its own."""

_MOST_STATES = 64


class EventSearch:
    """Whether the text of an event matches a pattern."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self._word = _word_in(pattern)
        self._seen: OrderedDict[bytes, bool] = OrderedDict()  # states, and whether they may match

    def __call__(self, event: Event, effect: Effect) -> bool:
        if not self.may_match(event, effect):
            return False
        return self._pattern.search(event_text(event, effect)) is not None

    def may_match(self, event: Event, effect: Effect) -> bool:
        """False only if the text of the event cannot match. O(size of the two states)."""
        word = self._word
        if word is None or not isinstance(event, Set):
            return True
        if any(map(word.search, (event.runtime_id, event.turn_id, event.ts))):
            return True
        before, after = effect.before, bytes(event.state)
        if before is None:
            return self._has(word, after)
        if not (self._has(word, after) or self._has(word, before)):
            return False
        return any(_may_have(word, _text(news)) for news in without_common(before, after))

    def _has(self, word: re.Pattern[str], state: bytes) -> bool:
        found = self._seen.get(state)
        if found is None:
            found = _may_have(word, _text(state))
            self._seen[state] = found
            if len(self._seen) > _MOST_STATES:
                self._seen.popitem(last=False)
        return found


def _text(state: bytes) -> str:
    return state.decode(errors="replace")


def _may_have(word: re.Pattern[str], text: str) -> bool:
    """Whether a state's JSON has the word, or is shown in other letters than it has."""
    return word.search(text) is not None or "\\u" in text or not text.isprintable()


def _word_in(pattern: re.Pattern[str]) -> re.Pattern[str] | None:
    """A word that a matching text has for certain, and lines have not of their own."""
    if _SPECIAL.search(pattern.pattern):
        return None
    words = (re.compile(word, pattern.flags) for word in _WORD.findall(pattern.pattern))
    return next((word for word in words if not word.search(_OF_LINES)), None)
