"""Session files: whether they can be read, are the session's, and show what the log says."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from journal.engines.files.storage import Storage
from journal.errors import SessionFileError
from projections.doctor.damage import Trouble
from projections.doctor.finding import Finding, copy_aside
from projections.doctor.remedies import Remedy
from projections.store.session_file import SessionFile, session_id_in
from projections.view import View

RuntimeStates: TypeAlias = dict[str, dict[str, Any]]

_MOST_NAMED = 5


def check_session_file(
    storage: Storage, trouble: Trouble, view: View | None, *, log_is_damaged: bool = False
) -> Iterator[Finding]:
    """`view` is the log's; None if there is no log, or it was not read."""
    case = trouble.case
    if case.session_id is None:
        return
    file = SessionFile(storage, case.paths, durable=False)
    try:
        shown, is_there = file.runtime_state(), file.name() is not None
        path = file.path
    except SessionFileError as error:
        if isinstance(error.__cause__, OSError):  # which says nothing of what is in it
            yield from trouble.unreadable(case.paths.session_file, error.__cause__)
        else:
            yield _unreadable(trouble, error)
        return
    own = case.paths.session_file
    if not is_there and case.session_file is not None and session_id_in(storage, own) is None:
        yield _blank(trouble)
    elif view is not None and (only := _not_in(view, shown)) is not None:
        if log_is_damaged and only:
            yield _only_copy(trouble, path, only)
        else:
            yield _stale(trouble, path, is_there=is_there)


def _not_in(view: View, shown: RuntimeStates) -> list[str] | None:
    """What a session file has that the log lacks or has otherwise; None if both are alike."""
    logged = {name: view.runtime(name) for name in view.turns}
    if shown == logged:
        return None
    return [
        f"{runtime}/{turn}"
        for runtime, turns in shown.items()
        for turn, state in turns.items()
        if turn not in (there := logged.get(runtime, {})) or there[turn] != state
    ]


def _only_copy(trouble: Trouble, path: str, only: list[str]) -> Finding:
    """The file may hold what the log has lost, and is about to be written anew."""
    more = f" and {len(only) - _MOST_NAMED:,} more" if len(only) > _MOST_NAMED else ""
    named = ", ".join(only[:_MOST_NAMED]) + more
    return trouble.finding(
        "warning",
        "stale",
        path,
        f"the session file has turns that the damaged log lacks or has otherwise: {named}; "
        "the next write drops them",
        Remedy.COPY_SESSION_FILE.of(command=copy_aside(trouble.case.paths.folder, path)),
    )


def _stale(trouble: Trouble, path: str, *, is_there: bool) -> Finding:
    """A note: it is derived, and the store lets it lag when much is written."""
    what = "is behind the log" if is_there else "is missing, while the log has turns"
    return trouble.finding(
        "note",
        "stale",
        path,
        f"the session file {what}; the log is the truth, nothing is lost",
        Remedy.WAIT_FOR_REFRESH.of(command=trouble.journal("show")),
    )


def _blank(trouble: Trouble) -> Finding:
    return trouble.finding(
        "warning",
        "session-file",
        trouble.case.paths.session_file,
        "the session file is empty, as after a power cut",
        Remedy.RESTORE_MESSAGES.of(),
    )


def _unreadable(trouble: Trouble, error: Exception) -> Finding:
    path = trouble.case.paths.session_file
    what = str(error).removeprefix(f"{path}: ").partition(";")[0]
    advice = Remedy.RESTORE_SESSION_FILE.of()
    if trouble.case.log is not None:
        advice = Remedy.RESTORE_OR_RENEW.of(command=trouble.aside(path))
    return trouble.finding("error", "session-file", path, what, advice)
