"""`journal help` and `journal version`: what people type who expect options to be commands."""

from typing import TYPE_CHECKING

import click

from journal import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def _commands(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> "list[CompletionItem]":
    root = ctx.find_root()
    return root.command.shell_complete(root, incomplete)


@click.command()
@click.argument("name", metavar="[COMMAND]", required=False, shell_complete=_commands)
@click.pass_context
def help_command(ctx: click.Context, name: str | None) -> None:
    """Show the help of a command, or of all.

    The same as `journal --help` and `journal COMMAND --help`.

    \b
    Examples:
      journal help
      journal help log
    """
    root = ctx.find_root()
    if name is not None and isinstance(root.command, click.Group):
        _, command, _ = root.command.resolve_command(root, [name])
        if command is not None:
            root = command.context_class(command, parent=root, info_name=name)
    click.echo(root.get_help())


@click.command()
def version_command() -> None:
    """Print the version.

    \b
    Example:
      journal version
    """
    click.echo(f"journal {__version__}")
