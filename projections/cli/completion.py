"""`journal completion`: the script by which a shell completes commands, options and ids."""

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    It completes commands, options, and the ids of sessions, runtimes and turns.

    \b
    Examples:
      eval "$(journal completion bash)"  # in ~/.bashrc
      eval "$(journal completion zsh)"  # in ~/.zshrc
      journal completion fish > ~/.config/fish/completions/journal.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this version of click knows no completion for {shell}")
    script = kind(ctx.find_root().command, {}, "journal", "_JOURNAL_COMPLETE").source()
    click.echo(script)
