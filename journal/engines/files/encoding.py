"""What threads want appended -> the lines to write. No I/O."""

import os
from collections.abc import Sequence

from msgspec import Struct

from journal.codec import FORMAT, Clock, control_line, digest_of, stamp
from journal.engines.files.tip import Tip
from journal.events import GENESIS, Event, Open
from journal.group_commit import Request
from journal.scan import Scanner


class Encoded(Struct, frozen=True):
    """Lines to write and their events; a header if they begin a log.

    `imports` says that the first of them are an older session's.
    """

    header: Open | None
    data: bytes
    events: Sequence[Event]
    imports: bool


class LineEncoder:
    """Makes the lines of one session. Not safe for threads."""

    def __init__(self, session_id: str, writer: str) -> None:
        self._session_id = session_id
        self._writer = writer
        self._clock = Clock()

    def encode(self, requests: Sequence[Request], tip: Scanner | Tip) -> Encoded:
        """The lines that come next in the file that ends at `tip`.

        Calls the event factories of the requests, and raises what they raise; raises like
        `codec.stamp` too. O(bytes).
        """
        events = _events_of(requests)
        header, lines = None, []
        older: Sequence[Event] = ()
        if events and tip.is_empty:
            header = self._new_header()
            lines.append(control_line(header))
            import_events = requests[0].import_events
            if import_events is not None:
                older = import_events()
                events = [*older, *events]
        elif tip.is_unended:
            lines.append(b"\n")
        ts, seq, digest = self._clock.now(), tip.seq, tip.hash
        stamped = []
        for event in events:
            seq += 1
            line, done = stamp(event, seq, ts, self._writer, digest)
            digest = done.hash
            lines.append(line)
            stamped.append(done)
        return Encoded(header, b"".join(lines), stamped, bool(older))

    def _new_header(self) -> Open:
        return Open(
            format=FORMAT,
            session_id=self._session_id,
            log_id=os.urandom(8).hex(),
            base_seq=0,
            base_hash=GENESIS,
            kept=0,
            kept_digest=digest_of(b""),
            archive=None,
            ts=self._clock.now(),
            writer=self._writer,
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
