"""The keys of the command: `--key-file`, else what the environment says."""

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from journal.encryption import Encryption

_CHOSEN = f"{__name__}.file"
_VARIABLES = ("JOURNAL_KEY", "JOURNAL_KEY_FILE")


def key_file_option() -> click.Option:
    """`--key-file`, before the command or after it."""
    return click.Option(
        ["--key-file"],
        metavar="FILE",
        type=click.Path(dir_okay=False),
        expose_value=False,
        callback=_choose,
        help="The keys of encrypted sessions; else $JOURNAL_KEY_FILE.",
    )


def _choose(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.meta[_CHOSEN] = value


def encryption() -> "Encryption | None":
    """What the command encrypts and decrypts with; None where no key is given.

    Raises `EncryptionSettingError`.
    """
    context = click.get_current_context(silent=True)
    chosen = context.meta.get(_CHOSEN) if context is not None else None
    if chosen is None and not any(map(os.environ.get, _VARIABLES)):
        return None
    from journal.encryption import Encryption  # most sessions are not encrypted

    return Encryption.from_file(chosen) if chosen is not None else Encryption.if_in_env()
