"""The command `journal`. Importing this must stay cheap: each command imports what it needs."""

from projections.cli.main import main

__all__ = ["main"]
