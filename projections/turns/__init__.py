"""What the state of a turn says, whoever wrote it: status, tool calls, results, parent.

A turn's state is any JSON object. `statuses` and `shapes` are the tables of the words and forms
that are understood; `parents`, `calls` and `reading` read a state by them. Pure: no I/O, and
nothing of events or audits, so that adapters and displays can read states in the same way.
"""
