"""What threads want appended -> the lines to write. No I/O."""

import os
from collections.abc import Sequence

from msgspec import Struct

from journal.backend import EventFactory
from journal.codec import Clock, check_format, control_line, digest_of, format_needed, stamp
from journal.engines.files.segment import Tip
from journal.events import GENESIS, Event, Open, Set
from journal.group_commit import Request
from journal.scan import Scanner


class Encoded(Struct, frozen=True):
    """Lines to write and their events; a header if they begin a log.

    `imports` says that the first of them are an older session's.
    """

    data: bytes
    events: Sequence[Event]
    header: Open | None = None
    imports: bool = False


class LineEncoder:
    """Makes the lines of one session. Not safe for threads."""

    def __init__(self, session_id: str, writer: str) -> None:
        self._session_id = session_id
        self.writer = writer
        self.clock = Clock()

    def encode(self, requests: Sequence[Request], tip: Scanner | Tip) -> Encoded:
        """The lines that come next in the file that ends at `tip`.

        Calls the event factories of the requests, and raises what they raise; raises like
        `codec.stamp` too. O(bytes).
        """
        events = _events_of(requests)
        if tip.is_empty and events:
            return self._first_lines(events, requests[0].import_events, tip)
        for event in events:
            if type(event) is Set and event.encrypted_by is not None:
                check_format(self._session_id, tip.header, event)
        data, stamped = self._lines(events, tip)
        return Encoded(b"\n" + data if tip.is_unended else data, stamped)

    def _lines(self, events: Sequence[Event], tip: Scanner | Tip) -> tuple[bytes, Sequence[Event]]:
        ts, seq, digest, writer = self.clock.now(), tip.seq, tip.hash, self.writer
        lines, stamped = [], []
        for event in events:
            seq += 1
            line, done = stamp(event, seq, ts, writer, digest)
            digest = done.hash
            lines.append(line)
            stamped.append(done)
        return b"".join(lines), stamped

    def _first_lines(
        self, events: Sequence[Event], import_events: EventFactory | None, tip: Scanner | Tip
    ) -> Encoded:
        """Those of a log that has none yet: a header, and what an older session brings along."""
        older = import_events() if import_events is not None else ()
        header = self._new_header(max(map(format_needed, (*older, *events))))
        data, stamped = self._lines([*older, *events], tip)
        return Encoded(control_line(header) + data, stamped, header, bool(older))

    def _new_header(self, lowest: int) -> Open:
        return Open(
            format=lowest,
            session_id=self._session_id,
            log_id=os.urandom(8).hex(),
            base_seq=0,
            base_hash=GENESIS,
            kept=0,
            kept_digest=digest_of(b""),
            archive=None,
            ts=self.clock.now(),
            writer=self.writer,
        )


def _events_of(requests: Sequence[Request]) -> Sequence[Event]:
    if len(requests) == 1:  # as most often
        events = requests[0].events
        return events() if callable(events) else events
    return [
        event
        for request in requests
        for event in (request.events() if callable(request.events) else request.events)
    ]
