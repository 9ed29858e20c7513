"""The JSON documents that `-o json` and `-o jsonl` print; `journal schema` prints their schema.

Each kind has its own `version`. It is raised when a field changes its meaning or goes. Fields
may be added without that.
"""
