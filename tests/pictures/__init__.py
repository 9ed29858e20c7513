"""The pictures of the documentation, made from what `journal demo` prints.

`python -m tests.pictures` makes them; a test compares what is here with what it would make.
"""
