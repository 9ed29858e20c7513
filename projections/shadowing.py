"""A file of the user's that has the name of our package `journal`, and so hides it.

Python looks for `journal` beside the script that it runs first, then on PYTHONPATH. If a
`journal.py` is there, our imports fail with the name of whichever module is missed first, or
with a circular import. So this looks before anything is imported from `journal`, and runs
nothing of what it finds.
"""

import os
from importlib.machinery import PathFinder
from importlib.util import find_spec


def _shadow() -> str | None:
    """The file that is imported instead of our package `journal`; None if ours is."""
    spec = find_spec("journal")
    if spec is None or spec.origin is None:
        return None  # the import itself says that there is none
    folders = spec.submodule_search_locations
    if folders is not None and PathFinder.find_spec("journal.events", list(folders)) is not None:
        return None
    # In a program that was frozen into one file, modules are no files, and nothing hides them.
    return spec.origin if os.path.isfile(spec.origin) else None


def refuse_shadow() -> None:
    """Raise `ImportError` with the name of the file that hides our package `journal`."""
    path = _shadow()
    if path is None:
        return
    name = os.path.dirname(path) if os.path.basename(path) == "__init__.py" else path
    raise ImportError(
        f"{name} hides the package `journal` of runtime-journal, as Python finds it first. "
        "Rename it, or take its folder off the path (sys.path, PYTHONPATH)",
        name="journal",
        path=path,
    )


refuse_shadow()
