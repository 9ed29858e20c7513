"""The drawing of `journal handoffs`: a lane for each runtime, time going down. Pure: no I/O.

It is made in three steps. `plot` folds the events and the audit into `rows`: a row is one
moment in one lane. `condense` takes out rows that say nothing new. `layout` chooses one of the
`pages`, and that makes lines of the rows. `drawing` does the three in order.
"""

from projections.cli.lanes.canvas import ASCII, UNICODE, Glyphs
from projections.cli.lanes.drawing import draw, legend

__all__ = ["ASCII", "UNICODE", "Glyphs", "draw", "legend"]
