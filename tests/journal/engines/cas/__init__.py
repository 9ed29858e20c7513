"""A fake engine that appends by compare-and-swap over a store that is far away.

`narrow` is the little that such a store has to offer, with everything that goes wrong on the way
to it. `stream` makes decisions of its answers, `log`, `follower`, `rewriting` and `engine` are
what `journal.backend` asks for, on top of that. It shows that the Protocol can be met without
files, and the suites that run over it notice when `stream` decides wrongly.
"""
