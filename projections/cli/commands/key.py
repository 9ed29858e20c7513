"""`journal key`: keys for encryption at rest."""

import click

from journal.encryption.key_file import add_key
from journal.encryption.keys import read_keys
from projections.cli.terminal.output import LineWriter


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--new", "is_new", is_flag=True, help="Make a key; from now on it encrypts.")
def key_command(file: str, is_new: bool) -> None:
    """Make keys for encryption, and list their ids.

    FILE holds a key a line. The first encrypts; the others are kept to read what they have
    encrypted. With --new, a key is put before them, and the file is made if there is none.
    Whoever has the file can read the states; who loses it has lost them. Which keys are still
    needed says `journal verify`.

    \b
    Examples:
      journal key --new ~/journal.keys
      journal key ~/journal.keys
    """
    if is_new:
        add_key(file)
    writer = LineWriter(cut=False)
    for number, key_id in enumerate(read_keys(file)):
        writer.line([key_id, ("  encrypts" if number == 0 else "  reads", "dim")])
    writer.flush()
