"""The frameworks' own tests, run with the mirror on: it must fail none that passes without.

`python -m tests.suites openai-agents` takes the tests from the source distribution of the release
that is installed here, and runs them twice in an environment of their own. That takes about half
an hour and needs the package index, so it is not part of our tests.
"""
