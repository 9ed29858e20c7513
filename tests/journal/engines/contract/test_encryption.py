"""What every engine does with encrypted states, whoever has the keys.

An engine is made twice over the same logs: with the keys and without.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import Raw

from journal.backend import Backend
from journal.codec import SHARED
from journal.encryption import Encryption
from journal.encryption.backend import EncryptedBackend
from journal.encryption.keys import key_id
from journal.errors import EncryptionKeyError
from journal.events import Event, Set
from journal.past import Entry
from journal.state import decode_state
from projections.view import View
from tests.journal.engines.contract.conftest import ENGINES
from tests.support import Recorder

OLD, NEW = b"o" * 32, b"n" * 32
SECRET = "what was said in this turn"

PLAIN_ENGINES = {name: make for name, make in ENGINES.items() if "encrypted" not in name}


@pytest.fixture(params=PLAIN_ENGINES)
def plain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    made = PLAIN_ENGINES[request.param](tmp_path)
    yield made
    made.close()


def with_keys(engine: Backend, *keys: bytes) -> EncryptedBackend:
    return EncryptedBackend(engine, Encryption.from_keys(*keys))


def said(turn_id: str, words: str = SECRET) -> Set:
    return Set(runtime_id="native", turn_id=turn_id, state=Raw(b'{"said":"%b"}' % words.encode()))


def lines_of(engine: Backend) -> list[bytes]:
    past = engine.history("s")
    assert past is not None
    return [entry.line for entry in past.in_order()]


def view_of(engine: Backend) -> View:
    view = View(engine.opener("s"))
    assert engine.open("s", view).refresh()
    return view


READS: dict[str, Callable[[Backend], object]] = {
    "a turn": lambda engine: view_of(engine).turn("native", "a"),
    "a runtime": lambda engine: view_of(engine).runtime("native"),
    "the past": lambda engine: [_read(entry.event) for entry in _past(engine)],
    "a follower": lambda engine: [_read(event) for event in engine.follow("s").read()],
}
"""Every way to come to a state."""


def _past(engine: Backend) -> list[Entry]:
    past = engine.history("s")
    assert past is not None
    return list(past.in_order())


def _read(event: Event) -> object:
    return decode_state(bytes(event.state)) if isinstance(event, Set) else None


@pytest.mark.parametrize("way", READS)
def test_states_come_back_with_the_key_and_raise_without(plain: Backend, way: str) -> None:
    keyed = with_keys(plain, NEW)
    keyed.open("s", Recorder()).append([said("a"), said("b")])
    READS[way](keyed)
    for other in (plain, with_keys(plain, OLD)):
        with pytest.raises(EncryptionKeyError, match=key_id(NEW)) as raised:
            READS[way](other)
        assert raised.value.key_id == key_id(NEW)
    assert view_of(keyed).runtime("native") == {"a": {"said": SECRET}, "b": {"said": SECRET}}


def test_the_lines_hold_no_word_of_a_state(plain: Backend) -> None:
    with_keys(plain, NEW).open("s", Recorder()).append([said("a"), said("a")])
    lines = lines_of(plain)
    assert len(set(lines)) == 2, "equal states look different"
    assert not any(SECRET.encode() in line for line in lines)
    assert all(b'"encrypted_by":"%b"' % key_id(NEW).encode() in line for line in lines)
    assert lines == lines_of(with_keys(plain, NEW)), "an entry's line is as it is stored"


def test_without_the_key_all_is_done_that_needs_no_state(plain: Backend) -> None:
    with_keys(plain, NEW).open("s", Recorder()).append([said("a"), said("a"), said("b")])
    report = plain.verify("s")
    assert (report.ok, report.encrypted) == (True, {key_id(NEW): 3})
    assert plain.compact("s") is not None
    assert plain.verify("s", report.head).ok
    assert view_of(with_keys(plain, NEW)).runtime("native") == {
        "a": {"said": SECRET},
        "b": {"said": SECRET},
    }
    assert [info["session_id"] for info in plain.sessions()] == ["s"]
    assert plain.delete("s")


def test_after_a_rotation_old_states_are_read_and_new_ones_take_the_new_key(
    plain: Backend,
) -> None:
    with_keys(plain, OLD).open("s", Recorder()).append([said("a", "old"), said("b", "old")])
    rotated = with_keys(plain, NEW, OLD)
    rotated.open("s", Recorder()).append([said("b", "new")])
    assert view_of(rotated).runtime("native") == {"a": {"said": "old"}, "b": {"said": "new"}}
    assert plain.verify("s").encrypted == {key_id(OLD): 2, key_id(NEW): 1}
    only_new = view_of(with_keys(plain, NEW))
    assert only_new.turn("native", "b") == {"said": "new"}
    with pytest.raises(EncryptionKeyError, match=rf"{key_id(OLD)}.*{key_id(NEW)}"):
        only_new.turn("native", "a")


def test_a_log_that_was_begun_plain_goes_on_encrypted(plain: Backend) -> None:
    head = plain.open("s", Recorder()).append([said("a", "plain"), said("a", "still plain")])
    keyed = with_keys(plain, NEW)
    view = View(keyed.opener("s"))
    log = keyed.open("s", view)
    log.append([said("b", "hidden")])
    log.append([said("c", "hidden")])
    log.refresh()
    assert view.runtime("native") == {
        "a": {"said": "still plain"},
        "b": {"said": "hidden"},
        "c": {"said": "hidden"},
    }
    spoken = [{"said": words} for words in ("plain", "still plain", "hidden", "hidden")]
    assert [_read(event) for event in keyed.follow("s").read()] == spoken
    assert [_read(entry.event) for entry in _past(keyed)] == spoken, "in log and archive"
    report = plain.verify("s", head)
    assert (report.ok, report.encrypted) == (True, {key_id(NEW): 2})
    plain.open("s", Recorder()).append([said("d", "plain again")])
    assert view_of(keyed).turn("native", "d") == {"said": "plain again"}


def test_events_from_a_function_are_encrypted_too(plain: Backend) -> None:
    keyed = with_keys(plain, NEW)
    keyed.open("s", Recorder()).append(lambda: [said("a")], lambda: [said("older")])
    assert list(view_of(keyed).runtime("native")) == ["older", "a"]
    assert not any(SECRET.encode() in line for line in lines_of(plain))


def test_a_log_with_encrypted_states_has_the_format_that_says_so(tmp_path: Path) -> None:
    keyed = with_keys(PLAIN_ENGINES["files"](tmp_path), NEW)
    keyed.open("s", Recorder()).append([said("a")])
    assert b'"format":%d,' % SHARED in (tmp_path / "s.jsonl").read_bytes().partition(b"\n")[0]
