"""The table of `journal sessions`."""

from collections.abc import Iterable
from datetime import UTC, datetime

from projections.cli.documents.sessions import OriginItem, SessionItem
from projections.cli.formats.ages import age
from projections.cli.formats.clocks import clock
from projections.cli.formats.sizes import size_text
from projections.cli.sessions.phases import phase_cell
from projections.cli.terminal.output import colour_of, width
from projections.cli.terminal.tables import Table
from projections.cli.terminal.texts import shorten

_HEADINGS = ("SESSION", "OWNER", "STATUS", "EVENTS>", "TURNS>", "SIZE>", "CHANGED", "BEGINS")
_SPARE = ("SIZE>", "EVENTS>", "OWNER", "TURNS>")
_LONGEST_ORIGIN = 24  # characters of an id
_WIDE = 120  # columns: from here on there is room for whole sentences


def print_table(items: Iterable[SessionItem]) -> None:
    """On a terminal with ages, elsewhere with times: they are for programs, and stay true."""
    now, columns = datetime.now(UTC), width()
    brief = columns is not None and columns < _WIDE
    table = Table(*_HEADINGS, yields="BEGINS", ids="SESSION", spare=_SPARE)
    for item in items:
        counts = (item.events, item.turns)
        table.row(
            (item.session_id, "bold"),
            (item.owner, colour_of(item.owner)) if item.owner is not None else "-",
            phase_cell(item, now, brief=brief),
            *("?" if item.error and not item.events else str(count) for count in counts),
            size_text(item.log_bytes),
            (_changed(item, now if columns is not None else None), "dim"),
            item.first_words if item.forked_from is None else _begins(item, item.forked_from),
        )
    table.print()


def _begins(item: SessionItem, origin: OriginItem) -> str:
    """How a fork began: as its origin did, so first comes what sets it apart."""
    branch = f"fork of {shorten(origin.session_id, _LONGEST_ORIGIN)}@{origin.seq}"
    return f"{branch}: {item.first_words}" if item.first_words else branch


def _changed(item: SessionItem, now: datetime | None) -> str:
    if now is None:
        return clock(item.updated_at).partition(".")[0]
    return age(datetime.fromisoformat(item.updated_at), now)
