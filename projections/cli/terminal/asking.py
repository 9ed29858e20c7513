"""Asks before something is dropped: only who sits at a terminal, in one way for all commands."""

import sys

import click

from projections.cli.exit_codes import EXIT_FAILURE
from projections.cli.terminal.output import notice, plain

yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def can_ask() -> bool:
    """Whether somebody sees the question and can answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def require_yes(question: str, otherwise: str) -> None:
    """Ask; after a no say `otherwise` and exit with 1. Raises click.Abort at the end of input."""
    if click.confirm(plain(question), err=True):
        return
    notice(otherwise)
    raise click.exceptions.Exit(EXIT_FAILURE)
