"""An erasure killed, failed or given a short result at any call.

It is run again and again on a copy of the same disk, with one call further going wrong each
time. Afterwards every file must be as before or as it should be, all must verify, the session
must say the same but for what was erased, and the next erasure must do the rest.
"""

import re
from functools import cache
from hashlib import sha256

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import Storage
from journal.engines.memory import MemoryStorage
from journal.errors import JournalError
from journal.events import Event, Set
from journal.names import as_archived
from projections.store.folded import FoldedSession
from tests.erasing import SECRET, Holding, holders, unpacked
from tests.faults.crashes.going_wrong import KINDS, Process
from tests.faults.crashes.memory_disk import copy_of
from tests.faults.crashes.operations import TORN, Disk
from tests.faults.snapshots import of_any_log
from tests.support import Killed, set_event

FOLDER = "/memory/sessions"
MOST_CALLS = 1000
_EVENT = re.compile(rb'\{"(?:seq|op":"open)".*\n')
TURNS = {"a": {"n": 5}, "b": {}, "c": {"n": 6}, "d": {}, "e": {}}


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what has done the same has left the same bytes."""
    monkeypatch.setattr("journal.codec.time_ns", lambda: 10**18)


def engine(storage: Storage) -> Directory:
    return Directory(FOLDER, LogOptions("fsync", 0.05, "writer", storage))


def append(storage: Storage, *turns: tuple[str, object]) -> None:
    log = engine(storage).open("s", FoldedSession())
    log.append([set_event(turn, state) for turn, state in turns])
    log.close()


def full() -> MemoryStorage:
    """A session with the secret in every kind of file that it can have."""
    storage, leak = MemoryStorage(), {"key": SECRET}
    disk = Disk(storage, FOLDER)
    append(storage, ("a", leak), ("b", leak), ("b", leak))
    engine(storage).compact("s")
    engine(storage).pack("s")
    append(storage, ("a", {"n": 1}), ("c", leak))
    engine(storage).compact("s")
    append(storage, ("c", {"n": 6}), ("d", leak), ("a", {"n": 5}))
    disk.append("s.jsonl", b'{"seq":9,"state":"' + SECRET.encode())
    append(storage, ("e", leak))
    with of_any_log():
        log = engine(storage).open("s", FoldedSession())
        log.save()
        log.close()
    disk.append("archive/s.3.damaged", disk.files()["s.jsonl"])
    disk.append("s.jsonl.new", b'{"key":"' + SECRET.encode())
    disk.append("s.jsonl", TORN + SECRET.encode())
    return storage


@cache
def prepared() -> MemoryStorage:
    return full()


def files(storage: Storage) -> dict[str, bytes]:
    """What stands in the files, by their names, of archives without the suffix of packed ones.

    Of the log without its torn tail, and without the seal that stands there until it is replaced.
    """
    found = Disk(storage, FOLDER).files()
    known = {as_archived(name): unpacked(data) for name, data in sorted(found.items())}
    known["s.jsonl"] = b"".join(_EVENT.findall(known["s.jsonl"]))
    return known


def events(storage: Storage) -> list[Event]:
    past = engine(storage).history("s")
    assert past is not None
    return [entry.event for entry in past.in_order()]


def views(storage: Storage) -> dict[str, object]:
    folded = FoldedSession()
    log = engine(storage).open("s", folded)
    log.refresh()
    log.close()
    return folded.view.runtime("native")


def hashes(storage: Storage) -> list[tuple[int, str]]:
    return [(event.seq, event.hash) for event in events(storage)]


def test_it_is_in_every_kind_of_file_and_gone_from_all() -> None:
    storage = copy_of(prepared())
    before, there = hashes(storage), Disk(storage, FOLDER)
    assert len(holders(there.files())) == len(there.names()) == 7
    report = engine(storage).erase("s", Holding())
    assert report is not None
    assert (report.states, len(report.files), report.kept) == (6, 7, [])
    assert holders(there.files()) == set()
    assert hashes(storage) == before
    assert views(storage) == TURNS
    erased = [e.seq for e in events(storage) if isinstance(e, Set) and e.erased is not None]
    verified = engine(storage).verify("s")
    assert (verified.ok, verified.erased) == (True, len(erased)) == (True, 6)


def test_where_digests_are_forgotten_nothing_confirms_a_guess() -> None:
    """Neither the digest of a state is anywhere, nor a hash that was made with it."""
    storage = copy_of(prepared())
    found = events(storage)
    leaks = [e for e in found if isinstance(e, Set) and SECRET.encode() in bytes(e.state)]
    guesses = [sha256(event.state).hexdigest() for event in leaks]
    guesses += [event.hash for event in found if event.seq >= leaks[0].seq]
    engine(storage).erase("s", Holding())
    there = Disk(storage, FOLDER)
    assert all(holders(there.files(), guess) for guess in guesses)
    engine(storage).erase("s", Holding(), forget_digest=True)
    assert [guess for guess in guesses if holders(there.files(), guess)] == []
    report = engine(storage).verify("s")
    assert (report.problems, report.erased) == ([], 6)
    assert report.relinked == found[-1].seq - leaks[0].seq + 1


@pytest.mark.parametrize("forget", [False, True], ids=["", "forgetting digests"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_file_is_as_before_or_after_and_the_next_does_the_rest(
    kind: str, forget: bool
) -> None:
    old, done = prepared(), copy_of(prepared())
    engine(done).erase("s", Holding(), forget_digest=forget)
    before, after = files(old), files(done)
    for number in range(MOST_CALLS):
        storage = copy_of(old)
        struck = run(storage, kind, number, forget)
        found = files(storage)
        for name in {*before, *found}:
            if not name.endswith(".new"):
                allowed = (before.get(name), after.get(name))
                assert found.get(name) in allowed, (number, name)
        assert [each for each in engine(storage).verify("s").problems if each.kind != "torn"] == []
        check_goes_on(storage, hashes(done), forget)
        if not struck:
            assert number > 0
            assert holders(found) == set()
            return
    raise AssertionError(f"more than {MOST_CALLS} calls")


def run(storage: Storage, kind: str, number: int, forget: bool) -> bool:
    """Erase with a fault. Says whether it struck."""
    fault = KINDS[kind](number, storage)
    process = Process(storage, fault)
    try:
        engine(process.storage).erase("s", Holding(), forget_digest=forget)
    except Killed:
        assert process.dead
    except JournalError:
        pass
    finally:
        process.die()
    return fault.hit is not None


def check_goes_on(storage: MemoryStorage, done: list[tuple[int, str]], forget: bool) -> None:
    assert {**TURNS, **views(storage)}.keys() == TURNS.keys()
    engine(storage).erase("s", Holding(), forget_digest=forget)
    assert holders(Disk(storage, FOLDER).files()) == set()
    assert views(storage) == TURNS
    verified = engine(storage).verify("s")
    assert (verified.erased, hashes(storage)) == (6, done)
    append(storage, ("a", {"n": 7}))
    engine(storage).compact("s")
    engine(storage).pack("s")
    assert engine(storage).verify("s").ok
    left = {name for name in Disk(storage, FOLDER).names() if name.endswith(".new")}
    assert left == set()
