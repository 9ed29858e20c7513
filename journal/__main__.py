"""`python -m journal` is the command `journal`."""

import importlib
import os
import sys
from importlib.machinery import PathFinder


def main() -> None:
    """Run the command, whatever files the current folder has."""
    _leave_current_folder()
    spec = PathFinder.find_spec("projections")
    if spec is not None and spec.submodule_search_locations is None:
        sys.exit(
            f"journal: {spec.origin} hides the package `projections` of runtime-journal. "
            "Rename it, or take its folder off PYTHONPATH"
        )
    # By name, and only when run as a program: no import of `journal` brings `projections` along.
    importlib.import_module("projections.cli").main()


def _leave_current_folder() -> None:
    """Python has put it first on the path, where its files may have names of modules we need.

    The installed command does not look there either. It stays if that is where we are from.
    """
    home = os.path.dirname(os.path.dirname(__file__))
    if not sys.flags.safe_path and sys.path[0] != home:
        del sys.path[0]


if __name__ == "__main__":
    main()
