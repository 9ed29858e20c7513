"""Names of all commands, and arguments for them."""

import pytest

from projections.cli.group import COMMANDS

NAMES = [name for section in COMMANDS.values() for name in section]

TO = "TO"
"""Stands for a folder that is made for the command."""


def with_folder(args: list[str], factory: pytest.TempPathFactory) -> list[str]:
    return [str(factory.mktemp("to")) if arg == TO else arg for arg in args]
