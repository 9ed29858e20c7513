"""The command line in this very process: hundreds of commands a second, as `main` runs them."""

import io
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from unittest.mock import patch

from projections.cli import main

DOCUMENTED = {0, 1, 2, 3, 4, 5}
"""Exit codes of commands that nobody interrupts."""


class Ran(NamedTuple):
    code: int
    out: bytes
    err: bytes


def run(*args: str, folder: str | None) -> Ran:
    """Run a command to its end. What it raises, where a process would show a traceback, is raised.

    Without a `folder` the environment says which, as it is.

    Standard streams are buffers here, so they are not dropped by their descriptors. Nobody
    writes meanwhile, so `doctor` need not wait to look again.
    """
    out, err = io.BytesIO(), io.BytesIO()
    code = 0
    with (
        patch.object(sys, "argv", ["journal", *args]),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO())),
        patch.object(sys, "stdout", io.TextIOWrapper(out, encoding="utf-8")) as stdout,
        patch.object(sys, "stderr", io.TextIOWrapper(err, encoding="utf-8")) as stderr,
        patch.dict("os.environ", {"JOURNAL_DIR": folder} if folder is not None else {}),
        patch("projections.cli.entry._drop_output"),
        patch("projections.doctor.examination.sleep"),
        _own_logging(),
        _own_signals(),
    ):
        try:
            main()
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 0
        stdout.flush()
        stderr.flush()
        return Ran(code, out.getvalue(), err.getvalue())


@contextmanager
def _own_signals() -> Iterator[None]:
    """What Ctrl-C does: after a command it ends the process, which ends as well."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _own_logging() -> Iterator[None]:
    """The handlers that a process of its own would take with it when it ends."""
    logger = logging.getLogger("journal")
    handlers, propagate = logger.handlers[:], logger.propagate
    try:
        yield
    finally:
        logger.handlers[:] = handlers
        logger.propagate = propagate


def reading(session: str, runtime: str, turn: str) -> list[list[str]]:
    """Every command that reads, in every form of output."""
    return [
        *(["sessions", "-o", form] for form in ("table", "json", "name")),
        *(["show", session, "-o", form] for form in ("tree", "json", "value")),
        ["show", session, "--at", "3"],
        ["show", session, runtime, turn],
        *(["log", session, "-o", form] for form in ("short", "json", "jsonl", "pretty")),
        ["log", session, "-n", "3", "-r"],
        ["log", session, "-S", "2020-01-01", "--show-cursor"],
        ["log", session, "-g", "turn", "op=set"],
        *(["history", session, runtime, turn, "-o", form] for form in ("short", "json")),
        *(["blame", session, runtime, turn, "-o", form] for form in ("table", "json")),
        *(["diff", session, "@1", "-o", form] for form in ("text", "json", "patch")),
        ["diff", session, f"{runtime}/{turn}"],
        *(["handoffs", session, "-o", form] for form in ("all", "json")),
        ["replay", session, "--speed", "max"],
        *(["verify", "-o", form] for form in ("text", "json")),
        ["verify", session],
        *(["doctor", "-o", form] for form in ("table", "json", "jsonl")),
        ["doctor", session, "--quick"],
        *(["export", session, "-o", form] for form in ("jsonl", "session")),
    ]
