"""Warnings of secrets that redaction does not reach: in keys of states, and in ids."""

import logging
from typing import Any

from journal.redaction import secrets_in_name

logger = logging.getLogger("journal")

_MOST_KNOWN = 4096
_SHORTEST = 16  # characters of an id that may hold a secret


class Exposure:
    """Warns of such secrets, once for each kind, in keys and in ids. One per store; thread-safe.

    Two threads that find the same secret at once may both warn of it; nothing worse.
    """

    def __init__(self) -> None:
        self._ids: set[str] = set()  # those already looked at
        self._keys: set[str] = set()  # likewise
        self._warned: set[tuple[str, str]] = set()

    def check_ids(self, session_id: str, runtime_id: str, turn_id: str) -> None:
        """Look at ids, each once. Passes over what is no string."""
        try:
            if (  # as most often, spelled out in a third of the time
                len(session_id) < _SHORTEST
                and len(runtime_id) < _SHORTEST
                and len(turn_id) < _SHORTEST
            ):
                return
        except TypeError:
            pass
        for text in (session_id, runtime_id, turn_id):
            if isinstance(text, str) and len(text) >= _SHORTEST and text not in self._ids:
                self._look_at(text, self._ids, "an id (of a session, a runtime or a turn)")

    def check_keys(self, value: Any) -> None:
        """Look at all keys of a state, each once. O(size of the state), without recursion."""
        stack = [value]
        while stack:
            value = stack.pop()
            if isinstance(value, dict):
                for key in value:
                    if key not in self._keys:
                        self._look_at(key, self._keys, "a key of a state")
                stack.extend(value.values())
            elif isinstance(value, list | tuple):
                stack.extend(value)

    def _look_at(self, text: str, known: set[str], what: str) -> None:
        if len(known) >= _MOST_KNOWN:
            known.clear()
        known.add(text)
        for kind in secrets_in_name(text):
            if (what, kind) not in self._warned:
                self._warned.add((what, kind))
                logger.warning(
                    "%s holds what looks like a secret (%s); it is saved as it is, since only "
                    "string values are redacted. Use another one, and keep the secret in a value; "
                    "`journal doctor --secrets` lists where it is",
                    what,
                    kind,
                )
