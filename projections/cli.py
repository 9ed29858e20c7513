"""The command `journal`: one function per subcommand, each importing what it needs.

Start-up is part of how a command feels, so nothing but click is imported here.
"""

import os
import sys

import click

from journal import __version__

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, prog_name="journal", message="%(prog)s %(version)s")
def cli() -> None:
    """The journal of AI agent runtime state: replay, audit and tail sessions.

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
    """Record a session of two runtimes and show what the journal makes of it.

    \b
    Example:
      journal demo --dir /tmp/my-demo
    """
    from projections.demo import run

    run(folder)


def main() -> None:
    """The entry point: errors become one line on standard error and an exit code."""
    from journal.errors import JournalError

    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has had enough. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except JournalError as error:
        click.echo(f"journal: {error}", err=True)
        sys.exit(EXIT_FAILURE)
