"""A place in a stream from which to read on."""

from collections.abc import Iterator

from journal.errors import CursorError
from journal.events import Cursor, Event, Open
from journal.past import Past
from journal.position import Position, StaleError, cursor_of_origin, refusal
from tests.journal.engines.cas.generations import past_of, read, read_all
from tests.journal.engines.cas.stream import Stream, is_tombstone


def past_in(stream: Stream, reaching: int) -> Past | None:
    """What is left of a session's events after `reaching`. Raises `ReadError`."""
    found = stream.everything()
    if found is None or is_tombstone(found.newest):
        return None
    return past_of(read_all(found.messages), reaching)


def header_in(stream: Stream) -> Open:
    """That of the newest generation."""
    found = stream.generation()
    assert found is not None
    return read(found.messages).header


class CasFollower:
    """A `journal.backend.Follower`. Keeps its position and nothing else."""

    def __init__(self, stream: Stream, after: Cursor | None) -> None:
        self._stream = stream
        self._position = Position(after)

    @property
    def cursor(self) -> Cursor | None:
        return self._position.cursor

    @property
    def lost(self) -> int:
        return self._position.lost

    def read(self) -> Iterator[Event]:
        try:
            yield from self._read()
        except StaleError as stale:
            raise self._refusal(stale) from None

    def _read(self) -> Iterator[Event]:
        position = self._position
        past = past_in(self._stream, max(0, position.settled - 1))
        if past is None:
            return
        self._join(past)
        position.begin_file()
        seq, digest = past.floor, past.floor_hash
        for entry in past.in_order():
            if entry.event.seq > seq:
                seq, digest = entry.event.seq, entry.event.hash
            if position.take(entry.event):
                yield entry.event
        position.check_end(seq, digest)

    def _join(self, past: Past) -> None:
        if self._position.log_id is None:
            self._position.log_id = past.log_id
        elif self._position.log_id != past.log_id:
            header = header_in(self._stream)
            if header.origin is not None and header.origin.log_id == self._position.log_id:
                raise cursor_of_origin(self._position, header)
            self._position.begin_log(past.log_id)

    def _refusal(self, stale: StaleError) -> CursorError:
        past = past_in(self._stream, self._position.remembered)
        return refusal(f"session {self._stream.session_id!r}", self._position, stale, past)

    def to_end(self) -> None:
        past = past_in(self._stream, 0)
        if past is None:
            return
        self._join(past)
        seq, digest = past.floor, past.floor_hash
        for entry in past.rest:
            seq, digest = entry.event.seq, entry.event.hash
        self._position.jump(seq, digest, (), "")

    def close(self) -> None:
        """Nothing is held open."""
