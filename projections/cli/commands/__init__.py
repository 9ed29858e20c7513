"""The commands: `journal NAME` is in `NAME.py`, or with its siblings in `versions` and `write`.

A module has the command's arguments, its help and the steps that it takes. How things are read,
worded and drawn is in the other rooms, so that commands do not import each other.
"""
