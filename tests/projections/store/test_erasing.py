"""Erasing through the store: by pattern, by place, of secrets; the session file; what is said."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from journal import GatewayConfig, SessionConfig
from journal.errors import EncryptionKeyError, NotFoundError
from journal.events import Set
from projections import DefaultSessionStore
from projections.erasing import ERASED, MatchingChoice
from projections.search.pattern import Pattern
from tests.erasing import SECRET, holders
from tests.support import bytes_in, finish_maintenance

LEAK = {"calls": [{"arguments": f'{{"key": "{SECRET}"}}'}]}
SAFE: dict[str, Any] = {"calls": []}


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with DefaultSessionStore(tmp_path, durability="os", redact=None) as made:
        yield made


def fill(store: DefaultSessionStore) -> None:
    store.set_runtime_state("one", "native", "a", LEAK)
    store.set_runtime_state("one", "native", "b", SAFE)
    store.set_runtime_state("one", "native", "a", SAFE)
    store.set_runtime_state("two", "harness", "a", LEAK)
    store.set_runtime_state("three", "native", "a", SAFE)


def test_a_pattern_is_erased_in_all_sessions_that_hold_it(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    fill(store)
    store.compact("one")
    finish_maintenance(store)
    others = bytes_in(tmp_path)["three.jsonl"]
    done = store.erase(SECRET)
    assert (done.searched, done.states, done.is_complete) == (3, 2, True)
    assert sorted(report.session_id for report in done.sessions) == ["one", "two"]
    store.flush()
    assert holders(bytes_in(tmp_path)) == set()
    assert bytes_in(tmp_path)["three.jsonl"] == others
    assert store.get_runtime_state("two", "harness") == {"a": {}}
    assert store.get_runtime_state("one", "native") == {"a": SAFE, "b": SAFE}
    assert [version.state for version in store.history("one", "native", "a")] == [{}, SAFE]
    assert all(store.verify(name).ok for name in ("one", "two", "three"))


def test_a_dry_run_changes_no_file(store: DefaultSessionStore, tmp_path: Path) -> None:
    fill(store)
    store.flush()
    before = bytes_in(tmp_path)
    dry = store.erase(SECRET, dry_run=True)
    assert bytes_in(tmp_path) == before
    assert dry == store.erase(SECRET)


@pytest.mark.parametrize(
    ("arguments", "erased"),
    [
        ({"sessions": "one", "runtime_id": "native", "turn_id": "a"}, [1, 3]),
        ({"sessions": "one", "seqs": [2]}, [2]),
        ({"sessions": "one", "turn_id": "a", "pattern": SECRET}, [1]),
        ({"sessions": ["one", "two"], "runtime_id": "harness"}, []),
        ({"pattern": SECRET, "sessions": "two"}, []),
    ],
)
def test_what_is_erased_can_be_said_by_place(
    store: DefaultSessionStore, arguments: dict[str, Any], erased: list[int]
) -> None:
    fill(store)
    store.erase(**arguments)
    found = [step.event for step in store.replay("one")]
    assert [event.seq for event in found if event.erased is not None] == erased  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "say what is to be erased"),
        ({"pattern": "x*"}, "matches an empty text"),
        ({"turn_id": "a"}, "name the session"),
        ({"pattern": "("}, "not a regular expression"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    store: DefaultSessionStore, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        store.erase(**arguments)


def test_a_session_that_is_not_there_is_said(store: DefaultSessionStore) -> None:
    with pytest.raises(NotFoundError):
        store.erase(SECRET, "nowhere")


def test_messages_in_the_session_file_lose_the_text_and_nothing_else(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    messages = [{"role": "user", "content": f"my key is {SECRET}, and NaN", "n": float("nan")}]
    document = {"session_id": "one", "messages": messages, "metadata": {SECRET: 1, "x": [1.0]}}
    (tmp_path / "one.json").write_text(json.dumps(document))
    store.set_runtime_state("one", "native", "a", LEAK)
    store.flush()
    done = store.erase(SECRET)
    found = json.loads((tmp_path / "one.json").read_bytes())
    assert found["messages"][0]["content"] == f"my key is {ERASED}, and NaN"
    assert found["metadata"] == {ERASED: 1, "x": [1.0]}
    assert found["runtime_state"] == {"native": {"a": {}}}
    assert str(tmp_path / "one.json") in done.files
    assert holders(bytes_in(tmp_path)) == set()
    assert store.erase(SECRET).sessions == []


def test_an_older_session_of_praisonai_is_erased_in_its_file(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    document = {"session_id": "one", "runtime_state": {"native": {"a": LEAK, "b": SAFE}}}
    (tmp_path / "one.json").write_text(json.dumps(document))
    (tmp_path / "one.json.new").write_text(f"half a {SECRET}")
    store.erase(SECRET)
    assert holders(bytes_in(tmp_path)) == set()
    assert store.get_runtime_state("one", "native", "b") == SAFE
    assert not (tmp_path / "one.jsonl").exists()


def test_a_session_file_that_is_damaged_is_said_and_does_not_stop_the_rest(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    fill(store)
    store.flush()
    (tmp_path / "two.json").write_text("{")
    done = store.erase(SECRET)
    assert done.states == 2
    (kept,) = [kept for report in done.sessions for kept in report.kept]
    assert (kept.what, "two.json" in kept.reason) == ("session file", True)


def test_archives_of_a_log_that_is_lost_are_erased_too(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    long = "x/" * 200
    for name in ("one", long):
        for state in (LEAK, SAFE):
            store.set_runtime_state(name, "native", "a", state)
        store.compact(name)
    finish_maintenance(store)
    store.close()
    for path in tmp_path.glob("*.json*"):
        path.unlink()
    (tmp_path / "archive/what.7.torn").write_bytes(SECRET.encode())
    with DefaultSessionStore(tmp_path, redact=None) as anew:
        done = anew.erase(SECRET)
    assert (done.states, done.is_complete) == (2, True)
    assert holders(bytes_in(tmp_path)) == set()


def test_an_archive_that_cannot_be_searched_is_said(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    for state in (LEAK, SAFE):
        store.set_runtime_state("one", "native", "a", state)
    store.compact("one")
    finish_maintenance(store)
    (packed,) = (tmp_path / "archive").glob("*.gz")
    packed.write_bytes(gzip.compress(b"x")[:-3])
    done = store.erase(SECRET)
    (kept,) = [kept for report in done.sessions for kept in report.kept]
    assert "damaged gzip data" in kept.reason
    assert not done.is_complete


def test_a_newer_format_is_not_touched(store: DefaultSessionStore, tmp_path: Path) -> None:
    line = b'{"op":"open","format":99,"session_id":"one"}\n' + SECRET.encode() + b"\n"
    (tmp_path / "one.jsonl").write_bytes(line)
    done = store.erase(SECRET)
    (report,) = done.sessions
    assert "is of format 99" in report.kept[0].reason
    assert (tmp_path / "one.jsonl").read_bytes() == line


def test_secrets_that_redaction_knows_are_erased(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    key = "sk-proj-" + "a1B2" * 12
    store.set_runtime_state("one", "native", "a", {"password": "hunter22hunter"})
    store.set_runtime_state("one", "native", "b", {"text": f"use {key} for it"})
    store.set_runtime_state("one", "native", "c", SAFE)
    document = json.loads(store.session_document("one"))
    (tmp_path / "one.json").write_text(json.dumps({**document, "messages": [{"content": key}]}))
    done = store.erase_secrets()
    assert (done.states, done.is_complete) == (2, True)
    for text in (key, "hunter22hunter"):
        assert holders(bytes_in(tmp_path), text) == set()
    assert store.get_runtime_state("one", "native", "c") == SAFE


def test_in_memory_it_is_erased_too() -> None:
    config = GatewayConfig(session_config=SessionConfig(persist=False, mirror_runtime_state=True))
    with DefaultSessionStore(config=config, redact=None) as store:
        store.set_runtime_state("one", "native", "a", LEAK)
        assert store.erase(SECRET).states == 1
        assert store.get_runtime_state("one", "native", "a") == {}


def escaped(text: str, layers: int) -> str:
    for _ in range(layers):
        text = json.dumps(text)[1:-1]
    return text


@given(text=st.text(min_size=1, max_size=8), layers=st.integers(0, 3), around=st.text(max_size=5))
def test_a_text_is_found_behind_any_layers_of_escapes(text: str, layers: int, around: str) -> None:
    choice = MatchingChoice(Pattern(text, fixed=True))
    assert choice.finds(around + escaped(text, layers) + around)


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from (key, *texts_in(item))
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)
    else:
        yield str(value)


VALUES = st.recursive(
    st.text() | st.integers(), lambda below: st.lists(below) | st.dictionaries(st.text(), below)
)


@given(VALUES)
def test_what_is_masked_holds_it_no_more_and_stays_as_it_is(value: Any) -> None:
    choice = MatchingChoice(Pattern("a|0", ignore_case=True))
    masked = choice.masked(value)
    assert choice.masked(masked) is masked
    for text in texts_in(masked):
        assert not {"a", "0"} & set(text.replace(ERASED, "").lower())


def test_a_damaged_line_that_holds_it_is_blanked_and_counted_once(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    fill(store)
    log = tmp_path / "one.jsonl"
    data = log.read_bytes()
    log.write_bytes(data.replace(b'"turn_id":"a","writer"', b'"turn_id":"a","wriTer"', 1))
    dry, problems = store.erase(SECRET, "one", dry_run=True), store.verify("one").problems
    assert len(problems) == 1
    done = store.erase(SECRET, "one")
    assert dry == done
    assert (done.sessions[0].states, done.sessions[0].blanked) == (0, 1)
    (left,) = store.verify("one").problems
    assert (left.kind, left.length, left.seq) == (
        problems[0].kind,
        problems[0].length,
        problems[0].seq,
    )
    assert len(log.read_bytes()) > len(data), "only the header is longer"
    assert holders(bytes_in(tmp_path)) <= {"two.jsonl", "two.json", "one.json"}


@pytest.mark.parametrize("state", [b'["\xff %b"]', b'"%b', b'!%b:"AAAA"'])
def test_a_state_that_is_no_json_is_searched_as_bytes(state: bytes) -> None:
    """Somebody can write such a line with a hash that is right."""
    event = Set(runtime_id="r", turn_id="t", state=Raw(state % b"sk-ant"))
    if state.startswith(b"!"):
        with pytest.raises(EncryptionKeyError):
            MatchingChoice(Pattern("sk-ant")).takes(event)
        return
    assert MatchingChoice(Pattern("sk-ant")).takes(event)
    assert not MatchingChoice(Pattern("sk-foo")).takes(event)
