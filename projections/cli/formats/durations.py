"""Durations for people to read."""

_UNITS = ((24 * 60 * 60, "d"), (60 * 60, "h"), (60, "m"), (1, "s"))


def duration(seconds: float) -> str:
    """Seconds as text: `5 ms`, `0.8 s`, `12 s`, `4 m 10 s`, `3 h 5 m`, `2 d 4 h`."""
    sign, seconds = "-" * (seconds < 0), abs(seconds)
    if seconds < 0.1:
        return f"{sign}{1000 * seconds:.0f} ms"
    if seconds < 10 and seconds % 1:
        return f"{sign}{seconds:.1f} s"
    whole = round(seconds)
    parts: list[str] = []
    for size, unit in _UNITS:
        count, whole = divmod(whole, size)
        if count or parts:
            parts.append(f"{count} {unit}" * bool(count))
    return sign + " ".join(filter(None, parts[:2]))
