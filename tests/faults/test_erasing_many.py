"""A secret in ten states of each of many sessions is gone after one command."""

from pathlib import Path
from time import perf_counter

from projections import DefaultSessionStore
from tests.cli.terminal import journal
from tests.erasing import SECRET, holders
from tests.faults.sizes import Figure, sized
from tests.support import bytes_in, finish_maintenance

LEAKING = 10
"""States of each session with the secret; as many have none."""


@sized(quick=12, long=1000)
def test_one_command_erases_it_from_all_sessions(
    size: int, tmp_path: Path, figure: Figure
) -> None:
    fill(tmp_path, size)
    held = holders(bytes_in(tmp_path))
    assert len(held) > 2 * size
    started = perf_counter()
    result = journal("erase", "--grep", SECRET, "--yes", "--dir", str(tmp_path))
    took = perf_counter() - started
    assert result.returncode == 0, result.stderr
    assert f"erased {size * LEAKING:,} states of {size:,} sessions" in result.stderr
    assert holders(bytes_in(tmp_path)) == set()
    verified = journal("verify", "--dir", str(tmp_path))
    assert verified.returncode == 0
    assert verified.stdout.count(f"{LEAKING} states erased") == size
    figure(
        f"{size * LEAKING:,} states of {size:,} sessions in {len(held):,} files erased in "
        f"{took:.1f} s, 0 occurrences left, all verified"
    )


def fill(folder: Path, sessions: int) -> None:
    """Every second session is compacted, and packed."""
    with DefaultSessionStore(folder, durability="os", redact=None) as store:
        for session in map(str, range(sessions)):
            for number in range(2 * LEAKING):
                text = f"key {SECRET}" if number % 2 else "x" * 200
                state = {"n": number, "calls": [{"result": text}]}
                store.set_runtime_state(session, "native", f"turn-{number % 15}", state)
            if int(session) % 2:
                store.compact(session)
        finish_maintenance(store)
