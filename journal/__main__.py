"""`python -m journal` is the command `journal`."""

import importlib
import os
import sys

if __name__ == "__main__":
    # Python has put the current folder first on the path, where a file of the user's may have
    # the name of a module that we need. The installed command does not look there either.
    _home = os.path.dirname(os.path.dirname(__file__))
    if not sys.flags.safe_path and sys.path[0] != _home:
        del sys.path[0]
    # By name, and only when run as a program: no import of `journal` brings `projections` along.
    importlib.import_module("projections.cli").main()
