"""With encryption on, no word of a state is ever in a file, whatever happens to the process.

Looked for in every file of the folder, after each call of a story at which the process may die.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.config import Limits
from journal.encryption import Encryption
from journal.engines.memory import MemoryStorage
from projections import DefaultSessionStore
from tests.faults.crashes.going_wrong import KINDS, Process
from tests.faults.crashes.operations import Disk
from tests.faults.plaintext import files_under, files_with, places_of
from tests.faults.sizes import Figure
from tests.faults.snapshots import of_any_log
from tests.support import Killed

KEY = b"k" * 32
FOLDER = "/memory/sessions"
_LIMITS = Limits(turn_bytes=1 << 24, runtime_bytes=1 << 24)

Story = Callable[[DefaultSessionStore, dict[str, str]], None]


@pytest.fixture(autouse=True)
def _of_any_log() -> Iterator[None]:
    with of_any_log():
        yield


def encrypted(storage: Any) -> DefaultSessionStore:
    return Disk(storage, FOLDER).store(encryption=Encryption.from_keys(KEY), limits=_LIMITS)


def word(turn: str, number: int) -> str:
    return f"secret of {turn} number {number}"


def put(store: DefaultSessionStore, saved: dict[str, str], turn: str, number: int) -> None:
    text = word(turn, number) + " " + "x" * (number * 300)
    state = {"transcript": [{"role": "user", "content": text}], "agent": word(turn, number)}
    assert store.set_runtime_state("s", "native", turn, state)
    saved[turn] = text


def tell(store: DefaultSessionStore, saved: dict[str, str]) -> None:
    """A session's life: many states, a handoff, compactions, snapshots, a session file."""
    put(store, saved, "a", 1)
    put(store, saved, "b", 2)
    put(store, saved, "a", 3)
    store.flush()
    store.hand_off("s", "native", "harness")
    store.compact("s")
    put(store, saved, "b", 4)
    store.flush()
    store.compact("s")
    put(store, saved, "c", 5)


WORDS = [word(turn, number).encode() for turn in "abc" for number in range(6)]


def files_of(disk: Disk) -> dict[str, bytes]:
    return disk.files()


def test_what_is_looked_for_is_found() -> None:
    files = files_with(b'say "word" here')
    assert places_of([b'say "word" here'], files) == list(files)
    assert places_of([b"another"], files) == []


BEGINNINGS: dict[str, Callable[[Disk], None]] = {
    "from nothing": lambda disk: None,
    "from a session that was plain": lambda disk: _plain(disk, {"old": {"t": {"said": "plain"}}}),
    "from a session of PraisonAI": lambda disk: disk.append(
        "s.json",
        json.dumps(
            {"session_id": "s", "messages": [], "runtime_state": {"old": {"t": {"n": "plain"}}}}
        ).encode(),
    ),
}


def _plain(disk: Disk, turns: dict[str, dict[str, Any]]) -> None:
    with disk.store() as store:
        for runtime, of in turns.items():
            for turn, state in of.items():
                store.set_runtime_state("s", runtime, turn, {"n": "before"})
                store.set_runtime_state("s", runtime, turn, state)


@pytest.mark.parametrize("kind", ["killed", "killed in a write", "no space", "short write"])
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_no_word_of_a_state_is_in_a_file_wherever_the_process_dies(
    kind: str, beginning: str, figure: Figure
) -> None:
    calls = 0
    for number in count():
        disk = Disk(MemoryStorage(), FOLDER)
        BEGINNINGS[beginning](disk)
        saved: dict[str, str] = {}
        fault = KINDS[kind](number, disk.storage)
        running = Process(disk.storage, fault)
        try:
            store = encrypted(running.storage)
            try:
                tell(store, saved)
            finally:
                store.close()
        except Killed:
            pass
        except Exception:  # noqa: BLE001 - whatever it raises, only what it leaves matters
            assert fault.hit is not None
        running.die()
        assert places_of(WORDS, files_of(disk)) == [], (number, fault.hit)
        _goes_on(disk, saved, number)
        assert places_of(WORDS, files_of(disk)) == [], (number, fault.hit)
        if fault.hit is None:
            break
        calls += 1
    assert calls > 20
    figure(f"{calls} calls, {kind}, {beginning}: no word of a state in any file")


def _goes_on(disk: Disk, saved: dict[str, str], number: int) -> None:
    """The next process reads what was acknowledged, writes on, and tidies up."""
    with encrypted(disk.storage) as store:
        found = store.get_runtime_state("s", "native")
        for turn, text in saved.items():
            there = found[turn]["transcript"][0]["content"]
            assert there == text or len(there) > len(text), "what was saved, or what came after"
        put(store, {}, "c", 5)
        report = store.verify("s")
        assert report.ok, (number, report.problems)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["set", "set", "set", "clear", "compact", "drop", "flush", "again", "tear"]
        ),
        st.sampled_from("abcd"),
        st.integers(0, 4000),
        TEXTS,
    ),
    max_size=12,
)


@given(STEPS)
def test_no_state_of_any_size_is_in_a_file(steps: list[tuple[str, str, int, str]]) -> None:
    """Compared with a plain dict, too: each comes back as it went in."""
    disk, words = Disk(MemoryStorage(), FOLDER), set[bytes]()
    model: dict[str, Any] = {}
    store = encrypted(disk.storage)
    for step, turn, size, text in steps:
        if step == "set":
            marker = os.urandom(9).hex()
            words.add(marker.encode())
            state = {marker: text, "said": marker + "x" * size, "n": [marker]}
            store.set_runtime_state("s", "native", turn, state)
            model[turn] = state
        elif step == "clear":
            store.clear_runtime_state("s", "native")
            model.clear()
        elif step in ("compact", "drop"):
            store.compact("s", "archive" if step == "compact" else "drop")
        elif step == "flush":
            store.flush()
        else:
            store.close()
            if step == "tear" and "s.jsonl" in disk.names():
                last = (disk.read("s.jsonl") or b"").rstrip(b"\n").rpartition(b"\n")[2]
                disk.append("s.jsonl", last[: len(last) // 2])
            store = encrypted(disk.storage)
        assert store.get_runtime_state("s", "native") == model
        assert places_of(words, files_of(disk)) == []
    store.close()
    assert places_of(words, files_of(disk)) == []
    with encrypted(disk.storage) as after:
        assert after.get_runtime_state("s", "native") == model


def test_real_files_hold_no_word_either(tmp_path: Path) -> None:
    """Packed archives, snapshot, session file and its lock, beside PraisonAI's messages."""
    (tmp_path / "s.json").write_text(
        json.dumps({"session_id": "s", "messages": [{"m": "theirs"}]})
    )
    store = DefaultSessionStore(
        tmp_path, encryption=Encryption.from_keys(KEY), auto_compact=False, limits=_LIMITS
    )
    with store:
        saved: dict[str, str] = {}
        tell(store, saved)
    files = files_under(tmp_path)
    assert any(name.endswith(".gz") for name in files)
    assert "s.snapshot" in files
    assert places_of(WORDS, files) == []
    document = json.loads(files["s.json"])
    assert document["messages"] == [{"m": "theirs"}]
    assert "runtime_state" not in document
    archive = next(name for name in files if name.endswith(".gz"))
    assert b'"encrypted_by"' in gzip.decompress(files[archive])


def test_a_session_file_loses_its_plain_states_when_encryption_is_switched_on(
    tmp_path: Path,
) -> None:
    with DefaultSessionStore(tmp_path) as store:
        store.set_runtime_state("s", "native", "a", {"said": "plain words"})
    assert places_of([b"plain words"], {"s.json": (tmp_path / "s.json").read_bytes()})
    with DefaultSessionStore(tmp_path, encryption=Encryption.from_keys(KEY)) as store:
        store.set_runtime_state("s", "native", "b", {"said": "hidden words"})
    files = files_under(tmp_path)
    assert places_of([b"hidden words"], files) == []
    assert not places_of([b"plain words"], {"s.json": files["s.json"]})
    assert places_of([b"plain words"], files), "the history stays, in the log and its archive"
