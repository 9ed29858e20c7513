"""`journal demo`: which demo is shown, where, and at what speed."""

from time import sleep

import click

from projections.cli.demo.folders import recorded_in
from projections.cli.terminal.output import is_terminal


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False),
    help="The folder to record in; a new temporary one if not given.",
)
@click.option("--fast", is_flag=True, help="Do not wait, as when the output is no terminal.")
@click.option("--storage", is_flag=True, help="Show what is stored instead.")
def demo_command(folder: str | None, fast: bool, storage: bool) -> None:
    """Show two runtimes share a session, in 12 seconds.

    They do so in the lines of `journal tail`: a rate limit, a handoff, a process killed in the
    middle of a tool call, and a fallback that runs its turn again. Then comes what `journal
    handoffs` says of it, and commands to type. All of it is recorded as it happens; nothing but
    the two agents is made up.

    With --storage: the log, the view, the session file, a clear, a compaction and a verification
    of another small session.

    The folder is kept, and named at the end. If you press Ctrl-C before, it is removed.

    \b
    Examples:
      journal demo
      journal demo --fast | less
      journal demo --storage --dir /tmp/my-demo
    """
    if storage:
        from projections.cli.demo.storage import SESSION, show_storage

        with recorded_in(folder, SESSION) as path:
            show_storage(path)
        return
    from projections.cli.demo.story import SESSION as SHARED
    from projections.cli.demo.story import show_story

    with recorded_in(folder, SHARED) as path:
        show_story(path, _no_pause if fast or not is_terminal() else sleep)


def _no_pause(seconds: float) -> None:
    pass
