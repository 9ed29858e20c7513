"""The contract of `journal.backend`, held against every engine.

An engine is added by adding a factory to `ENGINES` in `conftest`.
"""
