"""How a role talks with the process that started it: lines of JSON."""

import json
import select
import sys
from typing import Any


def say(found: Any) -> None:
    """One line to whoever started us."""
    print(json.dumps(found), flush=True)


def ready() -> None:
    """Say so, and wait until told to start."""
    say("ready")
    if not sys.stdin.readline():
        sys.exit("nobody is there any more")


def told_to_stop() -> bool:
    """Whether there is another line, or nobody is there any more to write one."""
    return bool(select.select([sys.stdin], [], [], 0)[0])
