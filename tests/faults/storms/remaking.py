"""A session that is made, deleted and made again, and what must be there of it after a crash."""

import os
from collections.abc import Iterator
from pathlib import Path

from projections import DefaultSessionStore
from tests.faults.storms.workers import Stage
from tests.support import files_in

SESSION = "remade"
_COMPACT_EVERY = 3


def remake(stage: Stage, record: str) -> None:
    """Until killed. `record` says before and after each deed what it is, with a number."""
    number = max((number for _, number in _said(Path(record))), default=0)
    fd = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(deed: str) -> None:
        assert os.write(fd, f"{deed} {number}\n".encode())

    with stage.open() as store:
        while True:
            say("deleting")
            store.delete_session(SESSION)
            say("deleted")
            number += 1
            say("making")
            for _ in range(2):
                store.set_runtime_state(SESSION, "native", "t", {"n": number})
            if number % _COMPACT_EVERY == 0:
                store.compact(SESSION)
            say("made")


def _said(record: Path) -> Iterator[tuple[str, int]]:
    if record.exists():
        for line in record.read_text().splitlines():
            deed, number = line.split()
            yield deed, int(number)


def is_torn(store: DefaultSessionStore, session: str) -> bool:
    """Whether there is half an event at the end; nothing else may be wrong."""
    kinds = {problem.kind for problem in store.verify(session).problems}
    assert kinds <= {"torn"}, kinds
    return bool(kinds)


def check_remade(folder: Path, record: Path) -> int:
    """All of the session or nothing, as the last deed allows. How often it was deleted."""
    said = list(_said(record))
    last, number = said[-1]
    there, gone = {"t": {"n": number}}, dict[str, dict[str, int]]()
    allowed = {"made": [there], "deleted": [gone]}.get(last, [there, gone])
    with DefaultSessionStore(folder) as store:
        found = store.get_runtime_state(SESSION, "native")
        assert found in allowed, f"{found} after {said[-1]}"
        assert store.session_exists(SESSION) is bool(found)
        if found:
            is_torn(store, SESSION)
        else:  # at most a log whose creation was cut short
            kinds = {problem.kind for problem in store.verify(SESSION).problems}
            assert kinds <= {"header"}, kinds
    if last == "deleted":
        left = {name for name in files_in(folder) if name.partition("/")[2].startswith(SESSION)}
        assert {name for name in left if not name.endswith(".gz.new")} == set()
    return sum(1 for deed, _ in said if deed == "deleted")
