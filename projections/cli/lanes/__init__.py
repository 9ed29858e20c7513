"""The drawing of `journal handoffs`: a lane for each runtime, time going down. Pure: no I/O.

It is made in three steps. `plot` folds the events, with what the audit says of them, into
`rows`, one for what happened at one moment in one lane. `condense` takes out rows that say
nothing new. A `page`, chosen by `layout`, makes lines of them: it is `wide`, with each text
beside its lane, or a `graph` of narrow lanes with all text to the right of them.
"""

from projections.cli.lanes.drawing import draw, legend
from projections.cli.lanes.glyphs import ASCII, UNICODE, Glyphs

__all__ = ["ASCII", "UNICODE", "Glyphs", "draw", "legend"]
