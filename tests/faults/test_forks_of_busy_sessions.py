"""Sessions forked by some processes while others write, compact and fork on."""

import sys
from pathlib import Path

from projections import DefaultSessionStore
from tests.support import finish, forked

WRITER = """
import sys
from projections import DefaultSessionStore
folder, me, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
    for number in range(count):
        store.set_runtime_state("s", me, f"t{number % 7}", {"n": number})
        if number % 50 == 49:
            try:
                store.compact("s", "archive" if number % 100 == 49 else "drop")
            except Exception as error:
                if type(error).__name__ != "CompactionAbandonedError":
                    raise
"""

FORKER = """
import sys
from projections import DefaultSessionStore
folder, me, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
    for number in range(count):
        to = f"{me}-{number}"
        head = store.fork("s", to=to)
        before = store.get_runtime_state(to, "a"), store.get_runtime_state(to, "b")
        store.set_runtime_state(to, me, "own", {"n": number})
        report = store.verify(to)
        assert report.ok, report.problems
        assert report.head.seq == head.seq + 1, (report.head, head)
        assert (store.get_runtime_state(to, "a"), store.get_runtime_state(to, "b")) == before
        if number % 3 == 0:
            store.compact(to, "drop" if number % 2 else "archive")
            assert store.get_runtime_state(to, "a") == before[0]
            assert store.verify(to).ok
        print(to, head.seq, head.hash)
"""

_SETS = 400
_FORKS = 25


def test_every_fork_is_the_session_as_it_was_at_that_event(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    with DefaultSessionStore(folder) as store:
        store.set_runtime_state("s", "a", "t0", {"n": -1})
    writers = [forked(WRITER, str(folder), name, str(_SETS)) for name in ("a", "b")]
    forkers = [forked(FORKER, str(folder), name, str(_FORKS)) for name in ("x", "y")]
    lines = [line.split() for out in finish([*writers, *forkers]) for line in out.splitlines()]
    assert len(lines) == 2 * _FORKS
    seqs = {int(seq) for _, seq, _ in lines}
    print(f"forks at {len(seqs)} events of {2 * _SETS}", file=sys.stderr)
    assert len(seqs) > 3, "nobody wrote meanwhile"
    with DefaultSessionStore(folder) as store:
        report = store.verify("s")
        assert report.ok, report.problems
        assert report.head is not None
        assert report.head.seq == 2 * _SETS + 1
        for name, seq, digest in lines:
            origin = store.origin(name)
            assert origin is not None
            assert (origin.session_id, origin.seq, origin.hash) == ("s", int(seq), digest)
            report = store.verify(name)
            assert report.ok, report.problems
            view = store.state_at(name)
            numbers = {turn: state["n"] for turn, state in view["a"].items()}
            last = max(numbers.values())
            assert numbers == expected_turns(last), (name, numbers)


def expected_turns(last: int) -> dict[str, int]:
    """The turns of a writer after its set number `last`: -1 is the one before all others."""
    found = {"t0": -1}
    for number in range(last + 1):
        found[f"t{number % 7}"] = number
    return found
