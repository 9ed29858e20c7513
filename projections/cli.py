"""The command `journal`: one function per subcommand, each importing what it needs.

Start-up is part of how a command feels: this module imports click, each command the rest.
"""

import os
import sys
from io import TextIOWrapper

import click

from journal import __version__

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, prog_name="journal", message="%(prog)s %(version)s")
def cli() -> None:
    """The journal of AI agent runtime state.

    Start with `journal demo`.
    """


@cli.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False),
    help="The folder to record in; a fresh temporary one if not given.",
)
def demo(folder: str | None) -> None:
    """Show the journal at work on a small session.

    Records two runtimes through the public API, then shows the log, the view, the session
    file, a clear, a compaction and a verification.

    \b
    Example:
      journal demo --dir /tmp/my-demo
    """
    from projections.demo import run

    run(folder)


def main() -> None:
    """The entry point: errors become one line on standard error and an exit code."""
    from journal.errors import JournalError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character
    try:
        cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        _drop_output()  # whoever read it has had enough
    except (JournalError, OSError) as error:
        click.echo(f"journal: {error}", err=True)
        _drop_output()
        sys.exit(EXIT_FAILURE)


def _drop_output() -> None:
    """What could not be written cannot be at exit either; Python would complain again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
