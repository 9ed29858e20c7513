"""`journal completion`: the script by which a shell completes commands, options and ids."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    It completes commands, options, and what is in a folder: sessions, runtimes, turns, names
    of states (RUNTIME/TURN), fields and kinds of events. Ids with blanks are quoted.

    \b
    Examples:
      eval "$(journal completion bash)"  # in ~/.bashrc
      eval "$(journal completion zsh)"  # in ~/.zshrc
      journal completion fish > ~/.config/fish/completions/journal.fish
    """
    from projections.cli.completion.shells import SHELLS

    kind = SHELLS[shell]
    click.echo(kind(ctx.find_root().command, {}, "journal", "_JOURNAL_COMPLETE").source())
