"""Session files: whether one can be read, and whether it shows the same state as the log."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from journal.engines.files.storage import Storage
from journal.errors import SessionFileError
from projections.doctor.finding import Finding, copy_aside
from projections.doctor.findings import Findings
from projections.doctor.remedies import Remedy
from projections.store.session_file import SessionFile, session_id_in
from projections.view import View

RuntimeStates: TypeAlias = dict[str, dict[str, Any]]

_MOST_NAMED = 5


def check_session_file(
    storage: Storage, findings: Findings, view: View | None, *, log_is_damaged: bool = False
) -> Iterator[Finding]:
    """`view` is the log's; None if there is no log, or if it was not read."""
    inventory = findings.inventory
    if inventory.session_id is None:
        return
    file = SessionFile(storage, inventory.paths, durable=False)
    try:
        shown, is_there = file.runtime_state(), file.name() is not None
        path = file.path
    except SessionFileError as error:
        if isinstance(error.__cause__, OSError):  # its contents may be fine
            yield from findings.unreadable(inventory.paths.session_file, error.__cause__)
        else:
            yield _unreadable(findings, error)
        return
    own = inventory.paths.session_file
    if not is_there and inventory.session_file is not None and session_id_in(storage, own) is None:
        yield _blank(findings)
    elif view is not None and view.hides:
        if shown:
            yield _plain(findings, path)
    elif view is not None and (only := _not_in(view, shown)) is not None:
        if log_is_damaged and only:
            yield _only_copy(findings, path, only)
        else:
            yield _stale(findings, path, is_there=is_there)


def _not_in(view: View, shown: RuntimeStates) -> list[str] | None:
    """Turns of a session file that the log lacks or has otherwise; None if both are the same."""
    logged = {name: view.runtime(name) for name in view.turns}
    if shown == logged:
        return None
    return [
        f"{runtime}/{turn}"
        for runtime, turns in shown.items()
        for turn, state in turns.items()
        if turn not in (there := logged.get(runtime, {})) or there[turn] != state
    ]


def _only_copy(findings: Findings, path: str, only: list[str]) -> Finding:
    """The file may hold turns that the log has lost, and the next write replaces it."""
    more = f" and {len(only) - _MOST_NAMED:,} more" if len(only) > _MOST_NAMED else ""
    named = ", ".join(only[:_MOST_NAMED]) + more
    return findings.make(
        "warning",
        "stale",
        path,
        f"the session file has turns that the damaged log lacks or has otherwise: {named}; "
        "the next write drops them",
        Remedy.COPY_SESSION_FILE.of(command=copy_aside(findings.inventory.paths.folder, path)),
    )


def _stale(findings: Findings, path: str, *, is_there: bool) -> Finding:
    """Only a note: the file is derived, and the store lets it lag when much is written."""
    what = "is behind the log" if is_there else "is missing, while the log has turns"
    return findings.make(
        "note",
        "stale",
        path,
        f"the session file {what}; the log is the truth, nothing is lost",
        Remedy.WAIT_FOR_REFRESH.of(command=findings.journal("show")),
    )


def _plain(findings: Findings, path: str) -> Finding:
    """It was written before the states were encrypted, or by another program."""
    what = "the session file holds states, though they are encrypted in the log"
    advice = Remedy.WAIT_FOR_REFRESH.of(command=findings.journal("show"))
    return findings.make("warning", "stale", path, what, advice)


def _blank(findings: Findings) -> Finding:
    return findings.make(
        "warning",
        "session-file",
        findings.inventory.paths.session_file,
        "the session file is empty, as after a power cut",
        Remedy.RESTORE_MESSAGES.of(),
    )


def _unreadable(findings: Findings, error: Exception) -> Finding:
    path = findings.inventory.paths.session_file
    what = str(error).removeprefix(f"{path}: ").partition(";")[0]
    advice = Remedy.RESTORE_SESSION_FILE.of()
    if findings.inventory.log is not None:
        advice = Remedy.RESTORE_OR_RENEW.of(command=findings.aside(path))
    return findings.make("error", "session-file", path, what, advice)
