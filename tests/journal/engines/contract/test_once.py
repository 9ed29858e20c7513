"""Idempotency keys outlive the events that had them, whatever an engine compacts."""

import pytest
from msgspec import structs

from journal.backend import Backend, History
from journal.events import Set
from journal.once import KeyMemory
from tests.support import Recorder, set_event


class Keys(KeyMemory):
    """A projection of nothing but keys."""


def keyed(turn: str, key: str) -> Set:
    return structs.replace(set_event(turn), once=key)


@pytest.mark.parametrize("history", ["archive", "drop"])
def test_a_key_is_known_to_all_who_read_the_log_after_a_compaction(
    engine: Backend, history: History
) -> None:
    before, keys = Keys(), ["replaced", "cleared with it", "alive"]
    log = engine.open("s", before)
    for key in keys:
        log.append([keyed("a" if key != "alive" else "b", key)])
    log.append([set_event("a")])
    engine.compact("s", history)
    log.append([set_event("c")])
    after = Keys()
    engine.open("s", after).refresh()
    log.refresh()
    for memory in (before, after):
        assert [memory.seq_of(key) for key in [*keys, "never"]] == [1, 2, 3, None]


def test_a_key_stands_in_the_event_that_is_read_back(engine: Backend) -> None:
    seen = Recorder()
    engine.open("s", Recorder()).append([keyed("a", 'key "of" ü'), set_event("b")])
    engine.open("s", seen).refresh()
    assert [event.once for event in seen.events if isinstance(event, Set)] == ['key "of" ü', None]
    assert engine.verify("s").ok


def test_a_session_that_was_made_again_knows_no_key(engine: Backend) -> None:
    memory = Keys()
    log = engine.open("s", memory)
    log.append([keyed("a", "k")])
    engine.compact("s")
    engine.delete("s")
    log.append([set_event("b")])
    log.refresh()
    assert memory.seq_of("k") is None
