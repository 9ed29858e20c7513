"""What other processes do in the benchmarks: `python -m tests.benchmarks.child role arguments`.

A role is a function of a module of `tests.benchmarks.roles`. Each prints "ready", waits for a
line, works, and prints what it found as JSON.
"""

import json
import sys
from importlib import import_module

if __name__ == "__main__":
    module, _, function = sys.argv[1].partition(".")
    role = getattr(import_module(f"tests.benchmarks.roles.{module}"), function)
    role(**json.loads(sys.argv[2]))
