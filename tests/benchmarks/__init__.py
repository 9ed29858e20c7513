"""How fast the journal is, beside its peers and beside what the machine can do at all.

`python -m tests.benchmarks` runs it; README.md has the method and the results.
"""
