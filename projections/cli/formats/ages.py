"""How long ago something was, for people to read: `12 s ago`, `3 min ago`, `yesterday`.

The older, the rougher: nobody asks on which second something happened last week. Days are those
of the local calendar, so that "yesterday" is what people call so.
"""

from datetime import datetime

_MINUTE = 60
_HOUR = 60 * _MINUTE
_SAME_NIGHT = 6 * _HOUR  # at one in the morning, 11 p.m. is "2 h ago", not "yesterday"
_MOST_DAYS = 13  # beyond that, a date is easier to place


def age(moment: datetime, now: datetime) -> str:
    """How long before `now` a moment was; both have a zone.

    `now` below a second, `12 s ago`, `3 min ago`, `5 h ago` on the same day, `yesterday`,
    `4 days ago`, then a date: `Nov 2`, or `Nov 2 2025` in another year. Units are rounded down.
    A moment to come, as another machine's clock may write it, is `in 3 min`, from a day on
    a date.
    """
    seconds = (now - moment).total_seconds()
    there, here = _local(moment), _local(now)
    if there is None or here is None:
        return f"{moment:%Y-%m-%d}"  # at the very ends of the calendar
    if abs(seconds) < 1:
        return "now"
    days = (here.date() - there.date()).days
    if abs(seconds) < _SAME_NIGHT or days == 0:
        return f"{_length(seconds)} ago" if seconds > 0 else f"in {_length(-seconds)}"
    if days == 1:
        return "yesterday"
    if 1 < days <= _MOST_DAYS:
        return f"{days} days ago"
    date = f"{there:%b} {there.day}"
    return date if there.year == here.year else f"{date} {there.year}"


def _length(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{int(seconds)} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    return f"{int(seconds // _HOUR)} h"


def _local(moment: datetime) -> datetime | None:
    try:
        return moment.astimezone()
    except (ValueError, OverflowError, OSError):
        return None
