"""What many commands take, and how they open a store."""

import difflib
import os
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from journal.engines.files.storage import Storage
from journal.errors import JournalError, NotFoundError, ReadError
from projections.cli.terminal import plain
from projections.refs import Ref
from projections.store.store import DefaultSessionStore
from projections.times import point_of

F = TypeVar("F", bound=Callable[..., Any])

_MOST_SUGGESTED = 3
NOW = 1 << 62
"""A seq that no log reaches: what is read from there on is the newest snapshot."""


class Converter(click.ParamType):  # type: ignore[type-arg] # generic in newer versions only
    """What a function makes of a text; the ValueError it raises is the usage error."""

    def __init__(self, name: str, function: Callable[[str], Any]) -> None:
        self.name = name
        self._function = function

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value  # converted already: click may do it twice
        try:
            return self._function(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _valid_text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{value!r} is not valid UTF-8") from None
    return value


POINT = Converter("SEQ|TIME", point_of)
"""A seq or a moment, converted to an int or to a timestamp as in the log."""

TEXT = Converter("text", _valid_text)
"""Valid Unicode, as ids are: not whatever bytes a shell may pass on."""


def folder_option(command: F) -> F:
    """`--dir`: the folder of the sessions, `folder` to the function."""
    return click.option(
        "--dir",
        "folder",
        type=click.Path(file_okay=False, readable=False),  # that is said by what needs it
        envvar="JOURNAL_DIR",
        callback=_not_empty,
        help="The folder of the sessions.  [default: $JOURNAL_DIR, else PraisonAI's]",
    )(command)


def _not_empty(ctx: click.Context, param: click.Parameter, folder: str | None) -> str | None:
    if folder == "":  # an unset variable of a script must not lead to another folder
        raise click.BadParameter("it is empty; leave --dir out for the default folder")
    return folder


def output_option(*formats: str) -> Callable[[F], F]:
    """`-o`: one of `formats`, the first by default; `output` to the function."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How to print it.",
    )


@contextmanager
def opened(
    folder: str | None, *, create: bool = False, storage: Storage | None = None
) -> Iterator[DefaultSessionStore]:
    """A store on the folder. Raises `NotFoundError` when it does not exist."""
    with DefaultSessionStore(folder, storage=storage) as store:
        if not create:
            _require_folder(store)
        yield store


def _require_folder(store: DefaultSessionStore) -> None:
    if store.session_dir is None:
        return
    try:
        is_there = stat.S_ISDIR(os.stat(store.session_dir).st_mode)
    except PermissionError as error:
        raise ReadError(
            error.errno,
            f"the folder {store.session_dir} cannot be read: {error.strerror}; "
            "`journal doctor` says what to do",
        ) from error
    except OSError:
        is_there = False
    if not is_there:
        raise NotFoundError(
            f"there is no folder {store.session_dir}; name the folder of your sessions with --dir "
            "or $JOURNAL_DIR"
        )


def require_session(store: DefaultSessionStore, session_id: str) -> None:
    """Raises `NotFoundError`, with ids that are nearly the same."""
    if store.session_exists(session_id):
        return
    known = [info["session_id"] for info in store.list_sessions()]
    close = _close(session_id, known)
    hint = "did you mean " + " or ".join(map(repr, close)) + "?" if close else ""
    raise NotFoundError(
        f"there is no session {session_id!r} in {store.session_dir}; "
        + (hint or "`journal sessions` lists what there is")
    )


@contextmanager
def near_matches(store: DefaultSessionStore, session_id: str, *refs: Ref) -> Iterator[None]:
    """Adds to a `NotFoundError` of runtimes or turns those that have nearly the same id."""
    try:
        yield
    except NotFoundError as error:
        there = store.state_at(session_id)
        close: list[str] = []
        for ref in refs:
            close += _close(ref.runtime_id, there) or _close(
                ref.turn_id, there.get(ref.runtime_id or "", {})
            )
        if not close:
            raise
        raise NotFoundError(f"{error}; did you mean {' or '.join(map(repr, close))}?") from error


def _close(wanted: str | None, known: Collection[str]) -> list[str]:
    """Nearly the same ids; none if it is there itself."""
    if wanted is None or wanted in known:
        return []
    return difflib.get_close_matches(wanted, known, n=_MOST_SUGGESTED)


def require_log(store: DefaultSessionStore, session_id: str) -> None:
    """Raises `NotFoundError` also for a session that PraisonAI keeps and we have no log of."""
    require_session(store, session_id)
    if store.past(session_id, reaching=NOW) is None:
        raise NotFoundError(
            f"session {session_id!r} has no log yet, only PraisonAI's session file: "
            "`journal show` has its state, the first write begins the log"
        )


# Completion: asked for by the shell while somebody types, so it never complains.


def _complete(find: Callable[[DefaultSessionStore, click.Context], list[str]]) -> Any:
    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        folder = ctx.params.get("folder")
        if folder is None and ctx.get_parameter_source("folder") != ParameterSource.DEFAULT:
            return []  # what was given is none
        try:
            with DefaultSessionStore(folder) as store:
                found = find(store, ctx)
        except (JournalError, OSError, ValueError):
            return []
        return [
            CompletionItem(text)
            for text in found
            if text.startswith(incomplete) and plain(text) == text  # no line ends: one per line
        ]

    return complete


def _sessions(store: DefaultSessionStore, ctx: click.Context) -> list[str]:
    return [info["session_id"] for info in store.list_sessions()]


def _runtimes(store: DefaultSessionStore, ctx: click.Context) -> list[str]:
    return list(store.state_at(ctx.params["session_id"]))


def _turns(store: DefaultSessionStore, ctx: click.Context) -> list[str]:
    return list(store.get_runtime_state(ctx.params["session_id"], ctx.params["runtime_id"]))


complete_sessions = _complete(_sessions)
complete_runtimes = _complete(_runtimes)
complete_turns = _complete(_turns)

session_argument = click.argument(
    "session_id", metavar="SESSION", type=TEXT, shell_complete=complete_sessions
)
sessions_argument = click.argument(
    "session_ids",
    metavar="[SESSION]...",
    nargs=-1,
    type=TEXT,
    shell_complete=complete_sessions,
)
runtime_argument = click.argument(
    "runtime_id", metavar="RUNTIME", type=TEXT, shell_complete=complete_runtimes
)
some_runtime_argument = click.argument(
    "runtime_id", metavar="[RUNTIME]", type=TEXT, required=False, shell_complete=complete_runtimes
)
turn_argument = click.argument("turn_id", metavar="TURN", type=TEXT, shell_complete=complete_turns)
