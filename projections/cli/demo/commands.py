"""What the demo says to type next. It can be pasted: a line has nothing but a command."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence

from projections.cli.terminal.output import LineWriter, width
from projections.cli.terminal.wrapping import wrapped


def as_typed() -> str:
    """How the reader calls the command: `journal` if that is on the path, else as just now."""
    if shutil.which("journal"):
        return "journal"
    is_module = os.path.basename(sys.argv[0]) == "__main__.py"
    return f"{sys.orig_argv[0]} -m journal" if is_module else sys.argv[0]


def print_commands(folder: str, commands: Sequence[str]) -> None:
    """Print where the session is, and `commands` for it, which are given without our name.

    Nothing is cut: half a command is none.
    """
    writer = LineWriter(cut=False)
    for line in wrapped("Replay it, read the turn that broke, audit it, follow it:", "", width()):
        writer.line([(line, "dim")])
    writer.line([])
    where = shlex.quote(folder)
    for line in (f"export JOURNAL_DIR={where}", *(f"{as_typed()} {each}" for each in commands)):
        writer.line([(f"  {line}", "bold")])
    writer.line([])
    for line in wrapped("The session stays there until you delete that folder.", "", width()):
        writer.line([(line, "dim")])
