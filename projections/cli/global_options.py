"""Options that may stand before the command or after it.

`journal --dir X log S` and `journal log S --dir X` mean the same. There are two kinds; to add
one, put it into the table of its kind.

- `PASSED_ON`: options that some commands declare for themselves, because they use the value:
  `--dir`. One before the command is passed on to it as if it stood right after its name, so
  that the one after the command wins: it comes later. Commands that have no such option
  ignore it.
- `SWITCHES`: options of the whole process, such as whether there is a pager. All commands get
  them; no function has an argument for them. Each has `expose_value=False` and a `callback`
  that puts its value where it is used. The callback is called for the place before the
  command and again for the place after it, with False or None where the option does not
  stand: that must change nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import click
from click.core import ParameterSource

from projections.cli.formats.clocks import utc_option
from projections.cli.sessions.keys import key_file_option
from projections.cli.terminal.pager import no_pager_option

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

MakeOption: TypeAlias = Callable[[], click.Option]
"""Makes an option. Each command needs one of its own, and most are never looked at."""


def _complete_folder(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem  # for somebody who types, nobody else

    return [CompletionItem(incomplete, type="dir")]


PASSED_ON: tuple[MakeOption, ...] = (
    lambda: click.Option(
        ["--dir", "folder"],
        metavar="DIRECTORY",
        shell_complete=_complete_folder,
        help="The folder of the sessions; may stand after the command too.",
    ),
)
SWITCHES: tuple[MakeOption, ...] = (utc_option, no_pager_option, key_file_option)


def root_options() -> list[click.Parameter]:
    """The options that stand before the command."""
    return [make() for make in (*PASSED_ON, *SWITCHES)]


def add_switches(command: click.Command) -> None:
    """Give a command the switches that it does not have yet."""
    for option in (make() for make in SWITCHES):
        if not _has(command, option):
            command.params.append(option)


def passed_on(root: click.Context, command: click.Command) -> Iterator[str]:
    """What stood before the command, as arguments for it."""
    for option in _given(root):
        if option.expose_value and _has(command, option):
            yield f"{option.opts[0]}={root.params[option.name or '']}"


def _given(root: click.Context) -> Iterable[click.Option]:
    for param in root.command.params:
        source = root.get_parameter_source(param.name or "")
        if isinstance(param, click.Option) and source is ParameterSource.COMMANDLINE:
            yield param


def _has(command: click.Command, option: click.Option) -> bool:
    return any(option.opts[0] in param.opts for param in command.params)
