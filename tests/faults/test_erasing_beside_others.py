"""Erasing while others write, compact and follow: nothing is lost, nothing comes twice.

And what is written meanwhile is looked at too, up to the moment when the new log takes its place.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.errors import JournalError
from projections import DefaultSessionStore
from projections.view import View
from tests.erasing import SECRET, Holding, holders
from tests.faults.sizes import Figure, sized
from tests.support import CHANGING, FaultyStorage, bytes_in, finish, python, set_event

WRITE = """
import sys
from projections import DefaultSessionStore
name, count, secret = sys.argv[2], int(sys.argv[3]), sys.argv[4]
with DefaultSessionStore(sys.argv[1], durability="os", redact=None, writer=name) as store:
    for number in range(count):
        state = {"n": number, "text": secret if number % 5 == 0 else "x" * 50}
        assert store.set_runtime_state("s", name, f"turn-{number % 7}", state)
        if number % 50 == 0:
            store.get_runtime_state("s", name)
    held = store.state_at("s")
"""

FOLLOW = """
import json, sys
from projections import DefaultSessionStore
seen = []
with DefaultSessionStore(sys.argv[1]) as store, store.tail("s", from_start=True) as tail:
    for arrival in tail:
        seen.append([arrival.event.seq, arrival.lost])
        if arrival.event.runtime_id == "end":
            break
print(json.dumps(seen))
"""

COMPACT = """
import sys
from pathlib import Path
from projections import DefaultSessionStore
from journal.errors import JournalError
with DefaultSessionStore(sys.argv[1]) as store:
    while not Path(sys.argv[1], "stop").exists():
        try:
            store.compact("s")
        except JournalError as error:
            assert "wait for it" in str(error) or "Run the compaction again" in str(error), error
"""


@sized(quick=150, storm=1500, long=6000)
def test_writers_compaction_and_followers_go_on(tmp_path: Path, size: int, figure: Figure) -> None:
    count = size
    folder = tmp_path / "sessions"
    folder.mkdir()
    follower = python(FOLLOW, str(folder))
    names = ("one", "two", "three")
    writers = [python(WRITE, str(folder), name, str(count), SECRET) for name in names]
    others = [python(COMPACT, str(folder))]
    erased = Counter[str]()
    with DefaultSessionStore(folder, durability="os", redact=None) as store:
        while any(writer.poll() is None for writer in writers):
            done = store.erase(SECRET)
            erased["runs"] += 1
            erased["states"] += done.states
            assert done.is_complete, [report.kept for report in done.sessions]
        finish(writers)
        store.set_runtime_state("s", "end", "turn", {})
        (folder / "stop").touch()
        finish(others)
        store.erase(SECRET)
        seen = json.loads(finish([follower])[0])
        report = store.verify("s")
        assert report.ok, report.problems
        events = [step.event for step in store.replay("s")]
        total = len(names) * count + 1
        assert [event.seq for event in events] == list(range(1, total + 1))
        assert seen == [[seq, 0] for seq in range(1, total + 1)]
        assert Counter(event.runtime_id for event in events)["two"] == count
        assert report.erased == len(names) * len(range(0, count, 5))
        store.flush()
    assert holders(bytes_in(folder)) == set()
    figure(f"{total:,} events beside {erased['runs']:,} erasures, each followed exactly once")


@pytest.mark.parametrize("call", sorted(CHANGING - {"link", "truncate", "make_folder"}))
def test_what_is_written_at_any_call_is_looked_at_or_comes_later(
    tmp_path: Path, call: str
) -> None:
    """At each call in turn another process appends the secret, and a torn tail with it."""
    for number in range(40):
        folder = tmp_path / str(number)
        folder.mkdir()
        view, others = View(), Directory(str(folder), LogOptions("os"))
        log = others.open("s", view)
        log.append([set_event("a", {"key": SECRET}), set_event("a", {"key": SECRET})])
        others.compact("s")
        rival = Rival(folder, call, number)
        storage = FaultyStorage(rival)
        report = Directory(str(folder), LogOptions("fsync", storage=storage)).erase("s", Holding())
        assert report is not None
        head = log.append([set_event("c")])
        assert others.verify("s").ok
        if not rival.has_come:
            assert number > 0
            return
        assert head.seq == (4 if rival.has_written else 3)
        before = holders(bytes_in(folder))
        again = others.erase("s", Holding())
        assert again is not None
        assert before <= {"s.jsonl"}, "what came after the log was replaced is in the new one"
        assert again.states == len(before)
        assert holders(bytes_in(folder)) == set()
        log.refresh()
        assert SECRET.encode() not in b"".join(view.turns["native"].values())
    raise AssertionError("more than 40 calls")


class Rival:
    """Another process that appends the secret just before the `number`th call of a name."""

    def __init__(self, folder: Path, call: str, number: int) -> None:
        engine = Directory(str(folder), LogOptions("os", lock_timeout=0.0))
        self._log = engine.open("s", View())
        self._call = call
        self._left = number
        self.has_come = self.has_written = False

    def __call__(self, name: str, args: tuple[object, ...]) -> None:
        if name != self._call or self.has_come:
            return
        self._left -= 1
        if self._left >= 0:
            return
        self.has_come = True
        try:
            self._log.append([set_event("b", {"key": SECRET})])
            self.has_written = True
        except JournalError:
            pass  # the erasure has the lock
