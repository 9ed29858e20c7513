"""Making the folder that logs are kept in."""

import os

from journal.engines.files.storage import Storage


def make_folders(storage: Storage, path: str) -> None:
    """Create `path` and what is missing above it, and sync their entries.

    Mode 0700; 02770 below a folder that its owner shares with a group.

    Raises the `OSError` of the call that failed.
    """
    parent = os.path.dirname(path)
    if storage.find(path) is not None:
        return
    if parent and parent != path:
        make_folders(storage, parent)
    storage.make_folder(path)
    storage.sync_folder(parent or ".")
