"""A tail that goes on after a cursor: when its first event arrives, and what it has read."""

from time import monotonic_ns

from projections import DefaultSessionStore
from tests.benchmarks.artefacts import SESSION
from tests.benchmarks.reads import bytes_read
from tests.benchmarks.roles.talking import ready, say


def resume(folder: str, cursor: str, short_session: str) -> None:
    """Tail the session of the benchmarks after the cursor, up to the first arrival.

    Says "tailing" once it waits. Prints when it began and when the event arrived, on the
    monotonic clock, and how many bytes it read meanwhile. Another tail of a short session comes
    before: what any first tail loads is loaded then.
    """
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        with store.tail(short_session, from_start=True) as tail:
            next(tail)
        ready()
        before, begun = bytes_read(), monotonic_ns()
        with store.tail(SESSION, after=cursor) as tail:
            say("tailing")
            arrival = next(tail)
            arrived, read = monotonic_ns(), bytes_read() - before
        sent = (arrival.state or {}).get("at")
        say({"begun": begun, "sent": sent, "arrived": arrived, "read": read})
