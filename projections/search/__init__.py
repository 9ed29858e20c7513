"""Search for a pattern in the logs of a folder, much faster than by decoding all events.

What is searched is the text of events as people know it: JSON escapes are undone, see `texts`.

- `characters`, `elements`, `requirement`: from the pattern follows which bytes a line must hold
  to match. Of several requirements the cheapest is chosen, by a `sample` of the logs.
- `look`, and `fast` with the extra of that name: where these bytes stand.
- `prefilter`: the lines there; only these are decoded. `strings`: most not even then.
- `pattern`: the pattern itself, matched against the decoded texts of an event.
- `sweep`: the lines of one log, or of a part of it; and whether anything in it is amiss.
- `crew`: several processes that share the work.
- `sessions`: the matches of a session in order, from its log and its archives.
"""
