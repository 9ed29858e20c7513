"""Lines that say what happened: in an event, in a match, and with `-o diff` what it changed.

`effects` says what an event changed, `phrases` puts that into words, `phrase_fitting` fits them
into a line, `event_lines` makes the line and `printing` prints it, or the document of the event.
"""
