"""The view `{runtime_id: {turn_id: state}}`, folded from events. Pure: no I/O.

It holds each state as encoded bytes, encrypted if it is so in the log, and decodes it when asked.
So what it returns is always the caller's own copy, and its memory is that of the states plus about
150 bytes a turn.
It iterates over copies of its dicts: a signal handler may set a turn meanwhile.
"""

from collections.abc import Callable
from typing import Any

from journal.backend import Opener
from journal.ciphertext import ENCRYPTED, is_encrypted, size_of
from journal.errors import DamagedError, EncryptionKeyError
from journal.events import Clear, Event, Set
from journal.fold import apply, put
from journal.snapshots import EncodedTurns
from journal.state import decode_state, encode_text

_SLICE = 256  # turns: a tenth of a millisecond
_LINE_OVERHEAD = 260
"""About how many bytes a set's line has in the log besides its state."""


class View:
    """A projection: `journal.backend.Projection`. Its owner locks."""

    def __init__(self, opener: Opener | None = None) -> None:
        """`opener` decrypts; without one, to read an encrypted state raises."""
        self._opener = opener
        self.reset()

    def reset(self) -> None:
        self.blinded_by: EncryptionKeyError | None = None  # what `readable` passed over
        self.turns: EncodedTurns = {}
        self.sizes: dict[str, int] = {}  # bytes of live states by runtime

    def fold(self, event: Event) -> None:
        if type(event) is Set:
            self.set(event.runtime_id, event.turn_id, bytes(event.state))
        elif type(event) is Clear:
            apply(self.turns, event, b"")
            if event.runtime_id is None:
                self.sizes.clear()
            else:
                self.sizes.pop(event.runtime_id, None)

    def thaw(self, turns: EncodedTurns) -> None:
        """Hold these turns, which become the view's own. O(turns)."""
        self.turns = turns
        self.sizes = {runtime: sum(map(size_of, of.values())) for runtime, of in turns.items()}

    def set(self, runtime_id: str, turn_id: str, state: bytes) -> None:
        """Fold a set. O(1)."""
        replaced = put(self.turns, runtime_id, turn_id, state)
        grown = len(state) if state[:1] != ENCRYPTED else size_of(state)
        if replaced is not None:
            grown -= len(replaced) if replaced[:1] != ENCRYPTED else size_of(replaced)
        self.sizes[runtime_id] = self.sizes.get(runtime_id, 0) + grown

    def turn(self, runtime_id: str, turn_id: str) -> Any:
        """One turn's state, `{}` if there is none.

        Raises `DamagedError`, and `EncryptionKeyError` where the state's key is not there.
        """
        state = self.turns.get(runtime_id, _NO_TURNS).get(turn_id)
        if state is None:
            return {}
        if state[:1] == ENCRYPTED:  # asked here, which spares a call: most are plain
            state = self._open(runtime_id, turn_id, state)
        return decode_state(state)

    def runtime(self, runtime_id: str) -> dict[str, Any]:
        """All turns of a runtime in order, `{}` if there are none. Raises as `turn`."""
        turns = self.turns.get(runtime_id, _NO_TURNS)
        return {
            turn_id: decode_state(
                state if state[:1] != ENCRYPTED else self._open(runtime_id, turn_id, state)
            )
            for turn_id, state in list(turns.items())
        }

    def _open(self, runtime_id: str, turn_id: str, state: bytes) -> bytes:
        return self._opener.open(runtime_id, turn_id, state) if self._opener else state

    def readable(self, runtime_id: str, turn_id: str, state: bytes) -> bytes:
        """The state as JSON, as far as that can be had; never raises for what it holds.

        For what is only shown, or guessed from states.
        """
        if state[:1] != ENCRYPTED:
            return state
        try:
            return self._open(runtime_id, turn_id, state)
        except EncryptionKeyError as error:
            self.blinded_by = error
        except DamagedError:
            pass  # whoever reads the turn is told
        return state

    @property
    def hides(self) -> bool:
        """Whether its states must not be written anywhere but into the log. O(turns)."""
        if self._opener is not None and self._opener.hides:
            return True
        return any(is_encrypted(state) for of in self.turns.values() for state in of.values())

    @property
    def lacks_keys(self) -> bool:
        """Whether it holds encrypted states, and whoever writes here would write plain ones."""
        return self.hides and not (self._opener is not None and self._opener.hides)

    def hide(self, text: bytes) -> bytes:
        """JSON with words out of states, as it may be saved."""
        return self._opener.hide(text) if self._opener is not None else text

    def copy(self) -> EncodedTurns:
        """The encoded states as they are now. O(turns), 20 ns each."""
        return {runtime_id: turns.copy() for runtime_id, turns in self.turns.items()}

    @property
    def bytes(self) -> int:
        """Bytes of all live states."""
        return sum(self.sizes.values())

    @property
    def live_bytes(self) -> int:
        """About how many bytes the live turns take in the log."""
        count = sum(map(len, self.turns.values()))
        return self.bytes + count * _LINE_OVERHEAD


_NO_TURNS: dict[str, bytes] = {}


def to_json(turns: EncodedTurns, pause: Callable[[], object] = lambda: None) -> bytes:
    """A view as one JSON object; joins the encoded states. O(bytes of the view).

    Calls `pause` every `_SLICE` turns, so that other threads may run in between.
    """
    return _object(
        [(runtime, _object(list(of.items()), pause)) for runtime, of in turns.items()], pause
    )


def _object(items: list[tuple[str, bytes]], pause: Callable[[], object]) -> bytes:
    parts = []
    for start in range(0, len(items), _SLICE):
        parts.append(_members(items[start : start + _SLICE]))
        pause()
    return b"{%b}" % b",".join(parts)


def _members(items: list[tuple[str, bytes]]) -> bytes:
    # One join of all pieces takes a third of the time of formatting each pair.
    pieces = [b","] * (4 * len(items))
    pieces[0::4] = [encode_text(key, "key") for key, _ in items]
    pieces[1::4] = [b":"] * len(items)
    pieces[2::4] = [value for _, value in items]
    return b"".join(pieces[:-1])
