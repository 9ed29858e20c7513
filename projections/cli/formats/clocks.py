"""Times as people read them, in the local zone.

In a pipe a time always has the same form, which sorts: `2026-11-22 10:18:00.123`. On a terminal
there is little room: what everybody knows, today's date or this year, is left out.
"""

import os
import time
from collections.abc import Callable
from datetime import date, datetime

import click

from projections.cli.terminal.output import is_terminal


def clock(ts: str) -> str:
    """A timestamp as `2026-11-22 10:18:00.123`; any other text stays as it is."""
    local = local_time(ts)
    return _iso(local) if local is not None else ts


def brief_clock(ts: str) -> str:
    """Like `clock`, but `10:18:00.123` today, and `Nov 22 10:18:00.123` this year."""
    local = local_time(ts)
    if local is None:
        return ts
    day = today()
    if local.year != day.year:
        return _iso(local)
    form = "%H:%M:%S" if local.date() == day else "%b %d %H:%M:%S"
    return f"{local:{form}}.{local.microsecond // 1000:03d}"


def day_of(ts: str) -> str:
    """`Nov 22`, or `2025-11-22` in another year; empty if `ts` is not a timestamp."""
    local = local_time(ts)
    if local is None:
        return ""
    return f"{local:%b %d}" if local.year == today().year else f"{local:%Y-%m-%d}"


def local_time(ts: str) -> datetime | None:
    """The moment of a timestamp in the local zone; None if it is no timestamp."""
    try:
        return datetime.fromisoformat(ts).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def today() -> date:
    """The local date."""
    return date.today()


def output_clock() -> Callable[[str], str]:
    """The clock that suits standard output: brief on a terminal, and complete elsewhere."""
    return brief_clock if is_terminal() else clock


def utc_option() -> click.Option:
    """`--utc`, before the command or after it."""
    return click.Option(
        ["--utc"],
        is_flag=True,
        is_eager=True,  # times among the other options are read in this zone too
        expose_value=False,
        callback=_use_utc,
        help="Show times in UTC, and read them so.",
    )


def _use_utc(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        os.environ["TZ"] = "UTC0"  # which needs no database of zones
        time.tzset()


def _iso(local: datetime) -> str:
    return local.replace(tzinfo=None).isoformat(" ", "milliseconds")
