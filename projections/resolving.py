"""What a ref names: a turn, a runtime or the whole view, at a point or some versions back."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeGuard

from journal.errors import HistoryError, NotFoundError
from journal.events import Clear, Event, Set
from journal.past import Entry, Newest, Past
from journal.snapshots import SavedTurn
from journal.state import check_text, decode_state
from projections.refs import Ref
from projections.replay import Version, seq_at, versions, view_as_of
from projections.view import View

_NEWEST_BYTES = 1 << 20  # of the log's end, where the set of a turn is looked for first
_BEFORE_SAVED = 1 << 15  # of them before what was saved is looked at, which takes longer


class Resolver:
    """Finds states of one session. Each method reads the events that it needs, and no cache."""

    def __init__(
        self,
        session_id: str,
        past: Callable[[int], Past | None],
        newest: Callable[[], Newest | None],
        saved_turn: Callable[[str, str], SavedTurn | None],
        view_now: Callable[[], dict[str, dict[str, Any]]],
    ) -> None:
        """`past` gives what is left of the events, `reaching` as in `Backend.history`.

        `newest` gives the newest of them, as `Backend.newest`, and `saved_turn` a turn as of an
        earlier event, as `Backend.saved_turn`. `view_now` gives the view of an
        older session that has no log, too.
        """
        self._session_id = session_id
        self._past = past
        self._newest = newest
        self._saved_turn = saved_turn
        self._view_now = view_now

    def resolve(self, ref: Ref) -> Any:
        """The state that a ref names. Raises `NotFoundError` and `HistoryError`."""
        if ref.back:
            return self._version(ref).state
        if ref.runtime_id is not None and ref.turn_id is not None and ref.at is None:
            state = self._newest_state(ref.runtime_id, ref.turn_id)
            if state is not None:
                return decode_state(state)
        found: Any = self.state_at(ref.at)
        for part in (ref.runtime_id, ref.turn_id):
            if part is not None and part not in found:
                raise self._missing(ref)
            found = found[part] if part is not None else found
        return found

    def _newest_state(self, runtime_id: str, turn_id: str) -> bytes | None:
        """The state of a turn, found in the last MiB of the log or in what was saved of it.

        None if it is not found there, or the turn is none.
        """
        newest = self._newest()
        saved: SavedTurn | None = None
        hashes: dict[int, str] = {}  # of the events that were read, by seq
        left = _NEWEST_BYTES
        for event, line in newest.entries if newest is not None else ():
            if _is_set_of(event, runtime_id, turn_id):
                return bytes(event.state)
            if isinstance(event, Clear) and event.runtime_id in (None, runtime_id):
                return None
            before, left = left, left - len(line)
            hashes[event.seq] = event.hash
            if left <= _NEWEST_BYTES - _BEFORE_SAVED < before:
                saved = self._saved_turn(runtime_id, turn_id)
            if saved is not None and event.seq <= saved.seq:
                return saved.state if hashes.get(saved.seq) == saved.hash else None
            if left < 0:
                return None
        return None

    def state_at(self, point: int | str | None) -> dict[str, dict[str, Any]]:
        """The whole view as of a seq, a timestamp, or now. Raises as `resolve`."""
        if point is None:
            return self._view_now()
        view = self._view_at(point)
        return {runtime_id: view.runtime(runtime_id) for runtime_id in view.turns}

    def versions(self, runtime_id: str, turn_id: str) -> list[Version]:
        """Every version of a turn, oldest first. Raises `StateTypeError` for no strings."""
        check_text(runtime_id, "runtime_id")
        check_text(turn_id, "turn_id")
        return list(versions(events_of(self._past(0)), runtime_id, turn_id))

    def versions_up_to(self, ref: Ref) -> list[Version]:
        """Every version of the turn that a ref names, up to the ref's point."""
        found = self.versions(ref.runtime_id or "", ref.turn_id or "")
        if ref.at is None:
            return found
        seq = self._seq_of(ref.at)
        self._view_at(seq)  # raises where the log does not reach there, forward or back
        return [version for version in found if version.event.seq <= seq]

    def _seq_of(self, point: int | str) -> int:
        if isinstance(point, int):
            return point
        past = self._past(0)
        return seq_at(past, point) if past is not None else 0

    def _view_at(self, point: int | str) -> View:
        seq = self._seq_of(point)
        past = self._past(seq)
        if past is None or point == 0:  # before the first event, whatever was dropped
            return View()
        return view_as_of(past, seq, self._session_id)

    def _version(self, ref: Ref) -> Version:
        found = self.versions_up_to(ref)
        if not found:
            raise self._missing(ref)
        if len(found) <= ref.back:
            self._check_nothing_dropped(ref)
            raise NotFoundError(
                f"session {self._session_id!r}: there is no {ref}: the turn has {len(found)} "
                f"version{'s' * (len(found) != 1)}, ~0 being the last"
            )
        version = found[-1 - ref.back]
        if version.state is None:
            seq = version.event.seq
            raise NotFoundError(
                f"session {self._session_id!r}: {ref}: it was cleared then, by event {seq}"
            )
        return version

    def _check_nothing_dropped(self, ref: Ref) -> None:
        past = self._past(0)
        if past is not None and past.floor > 0:
            raise HistoryError(
                f"session {self._session_id!r}: {ref} is not known any more: {past.why_short}"
            )

    def _missing(self, ref: Ref) -> NotFoundError:
        what = f"runtime {ref.runtime_id!r}"
        if ref.turn_id is not None:
            what = f"turn {ref.turn_id!r} of {what}"
        when = f" as of {ref.at}" if ref.at is not None else ""
        return NotFoundError(f"session {self._session_id!r} has no {what}{when}")


def _is_set_of(event: Event, runtime_id: str, turn_id: str) -> TypeGuard[Set]:
    return isinstance(event, Set) and (event.runtime_id, event.turn_id) == (runtime_id, turn_id)


def events_of(past: Past | None) -> Iterator[Event]:
    """What is left of a session's events, by seq."""
    entries: Iterable[Entry] = past.in_order() if past is not None else ()
    for entry in entries:
        yield entry.event
