"""Moments as people write them: `5m`, `yesterday`, `10:18`, ISO 8601.

As in journalctl, a bare duration lies in the past, and times without a zone are local.
"""

import re
from datetime import UTC, datetime, time, timedelta

from journal.errors import StateTypeError, StateValueError

_LONGEST_SEQ = 4000  # digits: what Python reads without complaint
_UNITS = {
    name: seconds
    for names, seconds in (
        ("s sec secs second seconds", 1),
        ("m min mins minute minutes", 60),
        ("h hr hrs hour hours", 60 * 60),
        ("d day days", 24 * 60 * 60),
        ("w week weeks", 7 * 24 * 60 * 60),
    )
    for name in names.split()
}
# Compiled at the first need: few processes ask for a time.
_PART = rf"(\d+(?:\.\d+)?)\s*({'|'.join(_UNITS)})(?![a-z])\s*"
_DURATION = rf"-?\s*(?P<parts>(?:{_PART})+)(?:ago)?"
_LENGTH = rf"(?P<parts>(?:{_PART})+)"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?"
_DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}


def moment(text: str, now: datetime | None = None) -> datetime:
    """The moment that `text` names, with its zone. Raises `StateValueError`.

    Relative times count from `now`.
    """
    now = (now or datetime.now()).astimezone()
    words = text.strip().lower()
    try:
        if words == "now":
            return now
        if words in _DAYS:
            return _local(now + timedelta(days=_DAYS[words]), time())
        duration = re.fullmatch(_DURATION, words)
        if duration is not None:
            return now - _length(duration["parts"])
        if re.fullmatch(_CLOCK, words):
            return _local(now, time.fromisoformat(words if words[2] == ":" else f"0{words}"))
        return datetime.fromisoformat(words.upper()).astimezone()
    except (ValueError, OverflowError, OSError):
        raise StateValueError(
            f"{text!r} is not a time; write 90s, 5m, 2h30m, 3d, today, yesterday, 10:18, "
            "2026-11-22 or 2026-11-22T10:18:00Z"
        ) from None


def length(text: str) -> timedelta:
    """The duration that `text` names: `90s`, `2h30m`, `30d`. Raises `StateValueError`."""
    found = re.fullmatch(_LENGTH, text.strip().lower())
    try:
        if found is not None:
            return _length(found["parts"])
    except OverflowError:
        pass
    raise StateValueError(f"{text!r} is not a duration; write 90s, 5m, 2h30m, 30d or 4w")


def _length(parts: str) -> timedelta:
    return timedelta(seconds=sum(float(n) * _UNITS[unit] for n, unit in re.findall(_PART, parts)))


def _local(day: datetime, clock: time) -> datetime:
    """That time of the day in the local zone, with the offset that holds on that day."""
    return datetime.combine(day.date(), clock).astimezone()


def stamp_of(when: datetime) -> str:
    """A moment as the log writes it, so that moments compare as strings."""
    utc = when.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='microseconds')}Z"


def point_of(value: "int | str | datetime", name: str = "at") -> int | str:
    """A seq, or the timestamp of a moment, from any form that a caller may give.

    An int, or text of digits, is a seq. Raises `StateTypeError` and `StateValueError`.
    """
    if isinstance(value, datetime):
        return stamp_of(value)
    if isinstance(value, str):
        text = value.strip()
        if not (text.isascii() and text.isdigit()):
            return stamp_of(moment(text))
        if len(text) > _LONGEST_SEQ:
            raise StateValueError(f"{name} has {len(text):,} digits; no log has so many events")
        value = int(text)
    if isinstance(value, bool) or not isinstance(value, int):
        raise StateTypeError(
            f"{name} must be a seq, a datetime or the text of either, not {type(value).__name__}"
        )
    if value < 0:
        raise StateValueError(f"{name} is {value}; seqs begin with 1, and 0 is before the first")
    return value
