"""Faults: what the journal must survive, and the harness that makes it happen.

`tests/README.md` has the table of faults, figures and commands.
"""
