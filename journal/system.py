"""Which operating systems the journal runs on, said once, in one sentence.

Everything else imports `fcntl`, `resource` or `os.fdatasync` as it needs them. Without this
module, a system that lacks one of them would answer with the name of whichever is missed first.
"""

import importlib
import os
import sys


def require_linux_calls() -> None:
    """Raise `ImportError` where the calls that the guarantees rest on do not exist."""
    try:
        importlib.import_module("fcntl")  # not on Windows
        _ = os.fdatasync  # not on macOS
    except (ImportError, AttributeError) as error:
        raise ImportError(
            f"runtime-journal runs on Linux, not on {sys.platform}: it keeps writers apart with "
            "flock and survives power cuts with fdatasync, and this Python does not have both. "
            "Use a Linux machine, a container or WSL 2"
        ) from error


require_linux_calls()
