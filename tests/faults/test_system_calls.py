"""Killed, failed or lied to by the kernel at any system call that changes the disk.

A real program under strace, which tampers with one call of it each time. Afterwards what was
acknowledged is there, what was refused is not, the next append and compaction work, and
nothing is left lying about. With `signal=KILL` the program dies as it enters the call.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from projections import DefaultSessionStore
from tests.faults.kernel.strace import Tampering, all_paths, run, tamper
from tests.faults.kernel.traced import GONE, KEPT, may_be_gone, possible_turns
from tests.faults.sizes import Figure, sized
from tests.support import files_in, needs

WRITES = ("signal=KILL", "error=EIO", "error=ENOSPC")
OTHERS = ("signal=KILL", "error=EIO")
CALLS = {
    "write": WRITES,
    "fdatasync": OTHERS,
    "fsync": OTHERS,
    "rename": OTHERS,
    "linkat": OTHERS,
    "unlink": OTHERS,
    "mkdir": OTHERS,
}
SHORT = "retval=2"
"""The kernel writes nothing and says it wrote two bytes: for the log, an append that fell
short; for compaction's new file, a disk that loses what it took, which is found by proof."""


def all_tamperings(folder: Path, scratch: Path) -> Iterator[Tampering]:
    """One for each call that a run makes, and each way in which it may go wrong."""
    ended, trace = run(scratch, all_paths(scratch), [f"trace={','.join(CALLS)}"])
    assert set(ended.values()) == {"done"}, ended
    made = Counter(re.findall(r"^\d+ +(\w+)\(", trace, re.MULTILINE))
    unknown = {name for name in CALLS if not made[name]}
    assert not unknown, f"the program makes no such calls: {unknown}"
    for call, ways in CALLS.items():
        for number in range(1, made[call] + 1):
            for how in ways:
                yield Tampering(call, how, number, all_paths(folder))
    logs = [folder / f"{KEPT}{suffix}" for suffix in (".jsonl", ".jsonl.new")]
    for number in range(1, 4):
        for path in logs[: 1 if number > 1 else 2]:
            yield Tampering("write", SHORT, number, [path])


def check(folder: Path, ended: dict[str, str]) -> None:
    """As the steps ended, so it is; and going on leaves nothing behind but what lives."""
    with DefaultSessionStore(folder) as store:
        found = store.get_runtime_state(KEPT, "native")
        assert found in possible_turns(ended)
        assert (not store.get_runtime_state(GONE, "native")) in may_be_gone(ended)
        kinds = {problem.kind for problem in store.verify(KEPT).problems}
        assert kinds <= ({"torn"} if found else {"torn", "header"})
        for number in range(2):
            assert store.set_runtime_state(KEPT, "native", "next", {"n": number})
        assert store.get_runtime_state(KEPT, "native") == {**found, "next": {"n": 1}}
        store.compact(KEPT)
        store.flush()
        assert store.verify(KEPT).ok
        store.set_runtime_state(GONE, "native", "t", {"n": 2})
        assert store.delete_session(GONE)
    left = files_in(folder)
    assert {f"{KEPT}.jsonl", f"{KEPT}.json"} <= left
    odd = re.compile(rf"{GONE}\..*|.*\.new|archive/.*\.jsonl")
    assert {name for name in left if odd.fullmatch(name)} == set()


@sized(quick=31, storm=5, long=1)
def test_whatever_call_goes_wrong_it_is_the_old_state_or_the_new(
    tmp_path: Path, size: int, figure: Figure
) -> None:
    needs("strace")
    folder = tmp_path / "sessions"
    tamperings = list(all_tamperings(folder, tmp_path / "scratch"))[::size]
    kinds: Counter[str] = Counter()
    for number, tampering in enumerate(tamperings):
        ended = tamper(folder, tampering)
        try:
            check(folder, ended)
        except AssertionError as error:
            raise AssertionError(f"{tampering[:3]}, {ended}") from error
        kinds[tampering.how] += 1
        folder.rename(tmp_path / str(number))
    assert kinds["signal=KILL"] > 0
    assert kinds["error=EIO"] > 0
    counts = ", ".join(f"{count} {how}" for how, count in sorted(kinds.items()))
    figure(f"{len(tamperings):,} calls tampered with ({counts}): the old state or the new")


def test_a_deleted_session_leaves_nothing_of_a_session_file_that_was_being_written(
    tmp_path: Path,
) -> None:
    """Its state, and messages, are in the unfinished one as well."""
    needs("strace")
    folder = tmp_path / "sessions"
    unfinished = folder / f"{KEPT}.json.new"
    ended = tamper(folder, Tampering("rename", "signal=KILL", 1, [unfinished]))
    assert ended == {"first": "begun"}
    assert unfinished.stat().st_size > 0
    with DefaultSessionStore(folder) as store:
        assert store.delete_session(KEPT) is True
    assert files_in(folder) == set()
