"""Search for a pattern in the logs of a folder, much faster than by decoding all events.

What is searched is the text of events as people know it: JSON escapes are undone, see `texts`.

- `elements`, `requirement`: from the pattern follows which bytes a line must hold to match.
- `prefilter`: finds the lines that hold them; only these are decoded.
- `pattern`: the pattern itself, matched against the decoded texts of an event.
- `sweep`: the lines of one log, or of a part of it; and whether anything in it is amiss.
- `crew`: several processes that share the work.
- `sessions`: the matches of a session in order, from its log and its archives.
"""
