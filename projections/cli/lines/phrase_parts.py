"""A phrase, and the parts that it is made of. Pure: no I/O.

Some parts must be there, some may be cut, some may be left out: `fit` in `phrase_fitting` does so
where there is little room.
"""

from typing import NamedTuple

from projections.cli.terminal.output import Style

MUST = 0
"""The `rank` of a part that is as important as its phrase."""


class Words(NamedTuple):
    """A piece of a phrase, after `lead`, which goes if the part goes.

    `rank` says how early it is left out: the highest first. With `least` it may be cut, to so
    many columns before something else is left out, and then to less.
    """

    text: str
    style: Style = None
    lead: str = ""
    rank: int = MUST
    least: int | None = None


class Phrase(NamedTuple):
    """What happened, in parts. `rank` says how important it is: the lowest is the most."""

    rank: int
    parts: list[Words]
