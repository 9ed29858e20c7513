"""A store with keys, one without, and one with others, over the same sessions."""

import json
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journal import EncryptionKeyError
from journal.codec import decode_line, stamp
from journal.config import Limits, SessionConfig
from journal.encryption import Encryption, key_id
from journal.engines.files.storage import DiskStorage
from journal.errors import DamagedError, EncryptionSettingError, LimitExceededError
from journal.events import Set
from projections import DefaultSessionStore
from projections.backup import back_up
from tests.faults.plaintext import files_under, places_of
from tests.faults.snapshots import of_any_log

KEY, OTHER = b"k" * 32, b"o" * 32
STATE: dict[str, Any] = {
    "transcript": [{"role": "user", "content": "book me a flight"}],
    "status": "open",
}


def store_at(folder: Path, *keys: bytes, **options: Any) -> DefaultSessionStore:
    encryption = Encryption.from_keys(*keys) if keys else None
    return DefaultSessionStore(folder, durability="os", encryption=encryption, **options)


def fill(folder: Path, *keys: bytes) -> None:
    with store_at(folder, *keys) as store:
        store.set_runtime_state("s", "native", "t1", {"first": 1})
        store.set_runtime_state("s", "native", "t1", STATE)
        store.hand_off("s", "native", "harness", "t1", "a reason")


Ask = Callable[[DefaultSessionStore], Any]

READS: dict[str, Ask] = {
    "get a turn": lambda store: store.get_runtime_state("s", "native", "t1"),
    "get a runtime": lambda store: store.get_runtime_state("s", "native"),
    "replay": lambda store: list(store.replay("s")),
    "state_at": lambda store: store.state_at("s", 2),
    "state now": lambda store: store.state_at("s"),
    "history": lambda store: store.history("s", "native", "t1"),
    "diff": lambda store: store.diff("s", "native/t1"),
    "resolve": lambda store: store.resolve("s", "native/t1"),
    "blame": lambda store: store.blame("s", "native", "t1"),
    "audit": lambda store: store.audit("s"),
    "statistics": lambda store: store.statistics("s"),
    "tail": lambda store: _first_arrival(store).state,
}


def _first_arrival(store: DefaultSessionStore) -> Any:
    with store.tail("s", from_start=True) as tail:
        return next(iter(tail))


@pytest.mark.parametrize("way", READS)
@pytest.mark.parametrize("is_saved", [False, True])
def test_states_are_read_with_the_key_and_never_as_empty_without(
    tmp_path: Path, way: str, is_saved: bool
) -> None:
    fill(tmp_path, KEY)
    plain = tmp_path / "plain"
    fill(plain)
    if is_saved:
        with of_any_log():
            fill(tmp_path, KEY)
            fill(plain)
            _check_reads(tmp_path, plain, way)
    else:
        _check_reads(tmp_path, plain, way)


def _check_reads(folder: Path, plain: Path, way: str) -> None:
    with store_at(folder, KEY) as store, store_at(plain) as expected:
        assert repr(READS[way](store)) == repr(READS[way](expected)) or way == "audit"
    before = files_under(folder)
    for keys in ((), (OTHER,)):
        with (
            store_at(folder, *keys) as store,
            pytest.raises(EncryptionKeyError, match=f"session 's'.*{key_id(KEY)}") as raised,
        ):
            READS[way](store)
        assert raised.value.session_id == "s"
        assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    assert {n: d for n, d in files_under(folder).items() if n in before} == before


def test_what_needs_no_state_works_without_the_key(tmp_path: Path) -> None:
    fill(tmp_path, KEY)
    with store_at(tmp_path) as store:
        (info,) = store.list_sessions()
        summary = store.summary(info)
        assert (summary.events, summary.turns, summary.owner) == (3, 1, "native")
        assert (summary.first_words, summary.status) == ("", None)
        assert store.verify("s").encrypted == {key_id(KEY): 2}
        assert store.compact("s") is not None
        assert "runtime_state" not in json.loads(store.session_document("s"))
        store.flush()
    assert places_of([b"flight"], files_under(tmp_path)) == []
    with store_at(tmp_path, KEY) as store:
        (info,) = store.list_sessions()
        assert store.summary(info).first_words == "book me a flight"
    with store_at(tmp_path) as store:
        assert store.delete_session("s")


def test_a_summary_is_saved_encrypted_and_one_made_without_the_key_is_not_taken(
    tmp_path: Path,
) -> None:
    with of_any_log():
        fill(tmp_path, KEY)
        with store_at(tmp_path, KEY) as store:
            assert store._backend.saved_summary("s") is not None
            (info,) = store.list_sessions()
            assert store.summary(info).first_words == "book me a flight"
        (tmp_path / "s.snapshot").unlink()
        with store_at(tmp_path) as store:
            store.set_runtime_state("s", "other", "t", {"plain": "by a store without keys"})
            store.flush()
            assert not (tmp_path / "s.snapshot").exists(), "it does not know all that is to know"
        with store_at(tmp_path, KEY) as store:
            (info,) = store.list_sessions()
            assert store.summary(info).first_words == "book me a flight"
            assert store.get_runtime_state("s", "other", "t") == {
                "plain": "by a store without keys"
            }


def test_a_store_without_keys_that_writes_beside_encrypted_states_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, KEY)
    with store_at(tmp_path) as store:
        for number in range(3):
            store.set_runtime_state("s", "native", "t2", {"n": number})
            store.flush()
    assert [r.getMessage().partition(":")[0] for r in caplog.records] == ["session 's'"]
    assert "this store has no keys" in caplog.text
    caplog.clear()
    with store_at(tmp_path, KEY) as store:
        store.set_runtime_state("s", "native", "t2", {"n": 3})
    with store_at(tmp_path / "plain") as store:
        store.set_runtime_state("s", "native", "t2", {"n": 3})
    assert caplog.text == ""


def test_sessions_in_memory_are_encrypted_too() -> None:
    config = SessionConfig(persist=False, mirror_runtime_state=True)
    with DefaultSessionStore(config=config, encryption=Encryption.from_keys(KEY)) as store:
        store.set_runtime_state("s", "native", "t1", STATE)
        assert store.get_runtime_state("s", "native", "t1") == STATE
        past = store.past("s")
        assert past is not None
        assert not any(b"flight" in entry.line for entry in past.in_order())


def test_states_that_were_swapped_or_cut_are_damage(tmp_path: Path) -> None:
    """By somebody who makes the hashes right, which takes no key."""
    with store_at(tmp_path, KEY) as store:
        store.set_runtime_state("s", "native", "a", {"n": 1})
        store.set_runtime_state("s", "native", "b", {"n": 2})
    path = tmp_path / "s.jsonl"
    header, *lines = path.read_bytes().splitlines()
    first, second = map(decode_line, lines)
    assert isinstance(first, Set)
    assert isinstance(second, Set)
    forged, prev = [header + b"\n"], first.prev
    for event, state in ((first, second.state), (second, first.state)):
        swapped = msgspec.structs.replace(event, state=state)
        line, stamped = stamp(swapped, event.seq, event.ts, event.writer, prev)
        prev = stamped.hash
        forged.append(line)
    path.write_bytes(b"".join(forged))
    with store_at(tmp_path, KEY) as store:
        assert store.verify("s").ok, "whoever may write may forge the chain"
        for ask in (READS["get a runtime"], READS["replay"], READS["state_at"]):
            with pytest.raises(DamagedError, match="moved here"):
                ask(store)
        assert [entry.event.seq for entry in _past(store)] == [1, 2], "the others are listed"


def _past(store: DefaultSessionStore) -> Any:
    past = store.past("s")
    assert past is not None
    return past.in_order()


def test_limits_are_of_the_plain_state(tmp_path: Path) -> None:
    limits = Limits(turn_bytes=200, runtime_bytes=350, on_exceed="reject")
    with store_at(tmp_path, KEY, limits=limits) as store:
        store.set_runtime_state("s", "native", "a", {"x": "y" * 190})
        with pytest.raises(LimitExceededError, match=r"201 bytes; the limit is 200"):
            store.set_runtime_state("s", "native", "a", {"x": "y" * 193})
        store.set_runtime_state("s", "native", "b", {"x": "y" * 140})
        with pytest.raises(LimitExceededError, match=r"351 bytes; the limit is 350"):
            store.set_runtime_state("s", "native", "b", {"x": "y" * 145})
        store.set_runtime_state("s", "native", "b", {"x": "y" * 144})


def test_secrets_are_replaced_before_they_are_encrypted(tmp_path: Path) -> None:
    with store_at(tmp_path, KEY) as store:
        store.set_runtime_state("s", "native", "a", {"api_key": "sk-" + "a1B2" * 12})
        assert "REDACTED" in store.get_runtime_state("s", "native", "a")["api_key"]


def test_an_older_session_is_imported_encrypted(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(
        json.dumps({"session_id": "s", "runtime_state": {"native": {"a": STATE}}})
    )
    with store_at(tmp_path, KEY) as store:
        assert store.get_runtime_state("s", "native", "a") == STATE, "read from the session file"
        store.set_runtime_state("s", "native", "b", {"n": 1})
        assert store.get_runtime_state("s", "native") == {"a": STATE, "b": {"n": 1}}
    assert places_of([b"flight"], files_under(tmp_path)) == []


def test_a_take_over_returns_the_view(tmp_path: Path) -> None:
    fill(tmp_path, KEY)
    with store_at(tmp_path, KEY) as store:
        assert store.take_over("s", "harness") == {"native": {"t1": STATE}}


def test_a_child_turn_is_known_from_encrypted_states(tmp_path: Path) -> None:
    """The owner is folded from the parents that states name."""
    child = {"parent": {"runtime": "native", "turn": "t1"}}
    with store_at(tmp_path, KEY) as store, store_at(tmp_path / "plain") as plain:
        for each in (store, plain):
            each.set_runtime_state("s", "native", "t1", STATE)
            each.set_runtime_state("s", "helper", "t2", child)
        for each in (store, plain):
            (info,) = each.list_sessions()
            assert each.summary(info).owner == "native"


def test_a_backup_needs_no_key_and_holds_nothing_plain(tmp_path: Path) -> None:
    folder, copy = tmp_path / "own", tmp_path / "copy"
    fill(folder, KEY)
    report = back_up(DiskStorage(), str(folder), str(copy))
    assert report.ok
    assert places_of([b"flight"], files_under(copy)) == []
    with store_at(copy, KEY) as store:
        assert store.get_runtime_state("s", "native", "t1") == STATE


def test_settings_that_make_no_sense_are_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(TypeError, match="encryption must be a"):
        DefaultSessionStore(tmp_path, encryption=KEY)  # type: ignore[arg-type]
    with pytest.raises(EncryptionSettingError):
        DefaultSessionStore(tmp_path, encryption=Encryption(lambda wanted: b"short"))
    assert list(tmp_path.iterdir()) == []


def test_a_compaction_of_a_log_that_lost_its_header_keeps_the_format(tmp_path: Path) -> None:
    fill(tmp_path, KEY)
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"x" + path.read_bytes())
    with store_at(tmp_path) as store:
        assert store.compact("s") is not None
    assert b'"format":3' in path.read_bytes().partition(b"\n")[0]
    with store_at(tmp_path, KEY) as store:
        assert store.get_runtime_state("s", "native", "t1") == STATE


def test_erasing_leaves_the_session_file_whole_and_without_states(tmp_path: Path) -> None:
    """Also where somebody without keys has put states into it."""
    fill(tmp_path)
    path = tmp_path / "s.json"
    before = json.loads(path.read_bytes())
    before["messages"] = [{"role": "user", "content": "book a train"}]
    path.write_text(json.dumps(before))
    with store_at(tmp_path, KEY) as store:
        store.set_runtime_state("s", "native", "t2", STATE)
        assert store.erase("flight", "s").is_complete
        found = json.loads(path.read_bytes())
    assert found["messages"] == before["messages"]
    assert "runtime_state" not in found
    assert places_of([b"flight"], files_under(tmp_path)) == []


@pytest.mark.parametrize("keys", [(), (OTHER,)])
@pytest.mark.parametrize("dry_run", [False, True])
def test_what_is_erased_without_its_key_is_said_to_be_not_searched(
    tmp_path: Path, keys: tuple[bytes, ...], dry_run: bool
) -> None:
    fill(tmp_path, KEY)
    with store_at(tmp_path) as plain:
        plain.set_runtime_state("s", "native", "t2", STATE)
    before = files_under(tmp_path)
    with store_at(tmp_path, *keys) as store:
        for erase, states in ((store.erase_secrets, 0), (partial(store.erase, "flight"), 1)):
            done = erase(dry_run=dry_run)
            (report,) = done.sessions
            (kept,) = report.kept
            assert (done.states, done.is_complete) == (states, False)
            assert (kept.what, kept.seqs) == ("state", [1, 2])
            assert key_id(KEY) in kept.reason
        assert dry_run == (files_under(tmp_path) == before)
        assert store.erase(None, "s", turn_id="t1", dry_run=dry_run).is_complete


def test_a_damaged_line_with_an_encrypted_state_is_said_to_be_not_searched(
    tmp_path: Path,
) -> None:
    fill(tmp_path, KEY)
    path = tmp_path / "s.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"t1"', b'"t9"')
    path.write_bytes(b"".join(lines))
    with store_at(tmp_path, KEY) as store:
        (report,) = store.erase("flight").sessions
    assert [kept.what for kept in report.kept] == ["damaged line"]
