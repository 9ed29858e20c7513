"""The commands: `journal NAME` is in `NAME.py`.

But for `set`, `clear`, `handoff` and `takeover`, which are in `write`, and `version` in `help`.

A module has the command's arguments, its help and the steps that it takes. How things are read,
worded and drawn is in the other rooms, so that commands do not import each other.
"""
