"""The terminal: what is written to it and how it fits there, keys, questions, the pager."""
