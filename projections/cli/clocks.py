"""Times as people read them."""

from datetime import datetime


def clock(ts: str) -> str:
    """A timestamp in local time, `Nov 22 10:18:00.123`; any other text stays as it is."""
    try:
        local = datetime.fromisoformat(ts).astimezone()
    except (ValueError, OverflowError):
        return ts
    return f"{local:%b %d %H:%M:%S}.{local.microsecond // 1000:03d}"


def brief_clock(ts: str) -> str:
    """Like `clock`, but without the date if it is today's."""
    text = clock(ts)
    return text.removeprefix(f"{datetime.now():%b %d} ")
