"""A file of the user's that has the name of our package `journal`, and so hides it.

Python looks for `journal` beside the script that it runs first, then on PYTHONPATH. If a
`journal.py` is there, our imports fail with the name of whichever module is missed first, or
with a circular import. So this looks before anything is imported from `journal`, and runs
nothing of what it finds.
"""

import os
import sys
from importlib.machinery import PathFinder


def _shadow() -> str | None:
    """The file that is imported instead of our package `journal`; None if ours is."""
    loaded = sys.modules.get("journal")
    spec = PathFinder.find_spec("journal") if loaded is None else loaded.__spec__
    if spec is None or spec.origin is None:
        return None
    folders = spec.submodule_search_locations
    is_ours = folders is not None and PathFinder.find_spec("journal.events", list(folders))
    # In a program that was frozen, modules have origins that are no files: nothing hides them.
    return spec.origin if not is_ours and os.path.isfile(spec.origin) else None


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
