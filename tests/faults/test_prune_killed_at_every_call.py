"""Pruning killed, failed or given a short result at any call: each session is there or gone.

Several sessions go together: one with PraisonAI's messages in its session file, one with
history, one with a snapshot, one torn. What is there afterwards is as it was, and the next
process that prunes leaves nothing behind.
"""

import json
from functools import cache
from itertools import count
from typing import Any

import pytest

from journal import Prune
from journal.engines.memory import MemoryStorage
from journal.errors import JournalError
from tests.faults.crashes.going_wrong import KINDS, Process
from tests.faults.crashes.memory_disk import copy_of
from tests.faults.crashes.operations import FOREIGN, TORN, Disk
from tests.faults.sizes import Figure, sized
from tests.faults.snapshots import of_any_log
from tests.support import Killed

ALL = Prune(keep_last=0)
SESSIONS = ("messages", "history", "saved", "torn", "plain")
MOST_CALLS = 400


@pytest.fixture(params=[128, 2], ids=["together", "in batches"], autouse=True)
def _at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All in one batch, or in three of which two threads take one after the other."""
    monkeypatch.setattr("projections.store.pruning.pruner._AT_ONCE", request.param)


@cache
def prepared() -> MemoryStorage:
    disk = Disk(MemoryStorage(), "/memory/sessions")
    with of_any_log(), disk.store() as store:
        for session in SESSIONS:
            for number in range(2):
                store.set_runtime_state(session, "native", "turn", {"n": number})
        store.compact("history")
        store.set_runtime_state("history", "native", "turn", {"n": 1})
    assert isinstance(disk.storage, MemoryStorage)
    disk.storage.unlink(disk.path("plain.json"))
    for name in (f"{session}.snapshot" for session in SESSIONS if session != "saved"):
        if disk.storage.find(disk.path(name)) is not None:
            disk.storage.unlink(disk.path(name))
    document = json.loads(disk.read("messages.json") or b"")
    disk.storage.unlink(disk.path("messages.json"))
    disk.append("messages.json", json.dumps({**document, **FOREIGN}).encode())
    disk.append("torn.jsonl", TORN)
    assert {"archive/history.2.jsonl.gz", "saved.snapshot"} <= disk.names()
    return disk.storage


def state_of(disk: Disk, session: str) -> dict[str, Any] | None:
    """What the next process finds of a session; None if it is gone."""
    with disk.store() as store:
        if not store.session_exists(session):
            return None
        assert store.verify(session).head is not None
        turns = store.state_at(session)
    found = json.loads(disk.read(f"{session}.json") or b"{}")
    return {"turns": turns, "messages": found.get("messages") or None}


def whole(session: str) -> dict[str, Any]:
    """What is to be found of a session as long as it is there."""
    messages = FOREIGN["messages"] if session == "messages" else None
    return {"turns": {"native": {"turn": {"n": 1}}}, "messages": messages}


def prune_wrongly(kind: str, number: int) -> bool:
    """Prune with a fault, look at what is there, and let the next process go on."""
    disk = Disk(copy_of(prepared()), "/memory/sessions")
    fault = KINDS[kind](number, disk.storage)
    process = Process(disk.storage, fault)
    reported: set[str] = set()
    try:
        store = Disk(process.storage, disk.folder).store()
        try:
            reported = {one.session_id for one in store.prune(ALL).pruned}
        finally:
            store.close()
    except Killed:
        assert process.dead
    except JournalError:
        assert fault.hit is not None
    process.die()
    for session in SESSIONS:
        found = state_of(disk, session)
        assert found in (None, whole(session)), session
        assert found is None or session not in reported, session
    with disk.store() as after:
        report = after.prune(ALL, force=True)
        assert report.kept == []
        assert list(after.list_sessions()) == []
    left = {name for name in disk.names() if not name.endswith(".json.lock")}
    assert left == set(), left
    return fault.hit is not None


@pytest.mark.parametrize("kind", KINDS)
@sized(quick=5, storm=1)
def test_each_session_is_there_or_gone(kind: str, size: int, figure: Figure) -> None:
    struck = 0
    for number in count(0, 1 if "write" in kind else size):
        try:
            if not prune_wrongly(kind, number):
                break
        except BaseException as error:
            error.add_note(f"{kind}: {number}")
            raise
        struck += 1
        assert number < MOST_CALLS
    assert struck > 0
    figure(f"{kind} at {struck} calls")
