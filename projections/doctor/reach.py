"""Whether owners and modes let us use a file."""

import os
import stat

from projections.doctor.folder import File, look_at


def is_barred(path: str) -> bool:
    """Whether the owner or the mode of a file, or of a folder above it, keeps us out."""
    nearest = reachable(path)
    return nearest is not None and (
        nearest.path != os.path.realpath(path) or not is_accessible(nearest)
    )


def reachable(path: str) -> File | None:
    """The file; or the folder on the way to it that keeps us out; None if neither is there."""
    path = os.path.realpath(path)
    while True:
        try:
            return look_at(path)
        except PermissionError:
            path = os.path.dirname(path)
        except OSError:
            return None


def is_accessible(file: File) -> bool:
    needed = os.R_OK | os.W_OK | (os.X_OK if stat.S_ISDIR(file.info.st_mode) else 0)
    return os.access(file.path, needed, effective_ids=True)
