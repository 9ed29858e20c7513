"""The command `journal`. Importing this is cheap: what runs the command is imported by it."""

import _signal as signal  # type: ignore[import-not-found]  # `signal` itself imports enum: 5 ms

__all__ = ["main"]


def main() -> None:
    """Run the command, and exit with its code.

    Ctrl-C is silent from here on: while the command is being imported, it ends the process as
    it ends programs in C, without a traceback. A shell sees 130 in any case.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else: nohup, `&`
        try:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        except ValueError:
            pass  # not in the main thread, which is the one that signals concern
    import journal  # noqa: F401 - first: it says in a sentence where it does not run
    from projections.cli.entry import run

    run()
