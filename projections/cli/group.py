"""The commands by section. A command's module is imported when that command is asked for.

Start-up is part of how a command feels: nothing here imports more than click.
"""

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from journal import __version__
from projections.cli.global_options import add_switches, passed_on, root_options

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Look": {
        "sessions": ("sessions", "List the sessions of a folder."),
        "show": ("show", "Show the state of a session, now or at any moment."),
        "turn": ("turn", "Show a turn: what was said, its calls, times and usage."),
        "log": ("log", "Show a session's events, and follow them."),
        "tail": ("tail", "Follow many sessions at once."),
        "wait": ("wait", "Wait until an event comes, or a turn is in a state."),
        "grep": ("grep", "Search all sessions for a pattern."),
    },
    "Understand": {
        "history": ("history", "Show every version of a turn."),
        "diff": ("diff", "Show the differences between two states."),
        "blame": ("blame", "Show which event set each value of a turn."),
        "replay": ("replay", "Show the turns again, at the recorded speed or faster."),
        "handoffs": ("handoffs", "Show who had the session when, and what was lost."),
        "stat": ("stat", "Show what a session's turns took: calls, tokens, cost and time."),
    },
    "Write": {
        "set": ("write", "Save a turn's state."),
        "head": ("write", "Print a session's head: what `set --expect` and `verify` take."),
        "clear": ("write", "Drop a runtime's state, or all of it."),
        "handoff": ("write", "Record that a runtime gives the session to another."),
        "takeover": ("write", "Record that a runtime takes the session over."),
    },
    "Look after": {
        "verify": ("verify", "Check every line, the chain and the archives."),
        "doctor": ("doctor", "Find damage, debris and other problems, and what to do."),
        "compact": ("compact", "Rewrite a session's log without dead events."),
        "export": ("export", "Write a session's history, or its session file, elsewhere."),
        "fork": ("fork", "Begin a session with the events of another."),
        "backup": ("backup", "Copy a folder of sessions while they are in use."),
        "erase": ("erase", "Take states out of all files of a session, for good."),
        "key": ("key", "Make keys for encryption, and list their ids."),
        "prune": ("prune", "Delete the oldest sessions, by age, number or size."),
        "delete": ("delete", "Delete a session with its history."),
    },
    "Learn": {
        "demo": ("demo", "Show two runtimes share a session, in 12 seconds."),
        "schema": ("schema", "Print the JSON Schema of what -o json and jsonl give."),
        "completion": ("completion", "Print the completion script for a shell."),
        "help": ("help", "Show the help of a command, or of all."),
        "version": ("help", "Print the version."),
    },
}
"""By section: the module of each command in `commands`, and its first line of help."""


_NARROW = 60  # columns


class Formatter(click.HelpFormatter):
    """Help that leaves room for what options do on a narrow terminal too."""

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        if self.width < _NARROW:
            col_max = self.width // 3
        super().write_dl(list(rows), col_max, col_spacing)


class Context(click.Context):
    formatter_class = Formatter


class ReaderGoneError(Exception):
    """The reader of our output has closed its end."""


class Commands(click.Group):
    """The commands of the table, each imported when it is asked for."""

    context_class = Context
    invoked: str | None = None
    """The name of the command that runs in this process, if any does yet."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGoneError from error  # click would end with an exit code of its own

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            hint = "the options of a command stand after its name, see `journal help COMMAND`"
            message = f"there is no option {error.option_name} before the command; {hint}"
            raise click.UsageError(message, ctx) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for section in COMMANDS.values():
            if cmd_name in section:
                name, _ = section[cmd_name]
                module = importlib.import_module(f"projections.cli.commands.{name}")
                command: click.Command = getattr(module, f"{cmd_name}_command")
                add_switches(command)
                command.context_class = Context
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        command = self.get_command(ctx, args[0])
        if command is None:
            if ctx.resilient_parsing:  # somebody is still typing
                return None, None, args[1:]
            raise click.UsageError(self._unknown(ctx, args[0]), ctx)
        self.invoked = args[0]
        return args[0], command, [*passed_on(ctx, command), *args[1:]]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """From the table: click would import every command for its line of help."""
        from click.shell_completion import CompletionItem

        lines = {
            name: line for section in COMMANDS.values() for name, (_, line) in section.items()
        }
        found = [
            CompletionItem(name, help=line)
            for name, line in lines.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def _unknown(self, ctx: click.Context, name: str) -> str:
        from projections.cli.names.suggestions import suggestions

        close = [f"`journal {each}`" for each in suggestions(name, self.list_commands(ctx))]
        hint = f"did you mean {' or '.join(close)}?" if close else "`journal help` lists all"
        return f"there is no command {name!r}; {hint}"

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in section.items()])


@click.group(
    cls=Commands,
    params=root_options(),
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(__version__, prog_name="journal", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, /, **given: Any) -> None:
    """The journal of AI agent runtime state.

    Sessions are looked for in --dir, else $JOURNAL_DIR, else where PraisonAI keeps them.
    Data goes to standard output, notices to standard error.

    \b
    Examples:
      journal demo                   see what it is for
      journal tail                   all runtimes, live
      journal log my-session -n 20   the last 20 events
      journal handoffs my-session    who handed what to whom

    Exit codes: 0 fine, 1 a negative answer or a failure, 2 usage, 3 not found,
    4 damaged data, 5 a cursor that leads to no event, 124 time is up, 130 interrupted.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())  # nothing went wrong: somebody wants to know what there is
