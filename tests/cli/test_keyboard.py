"""Keys as a terminal sends them, whole or in pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.cli.terminal.keyboard import KeyParser

KEYS = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[C": "right",
    "\x1b[D": "left",
    "\x1bOC": "right",
    "\x1bOD": "left",
    "\n": "enter",
    " ": "space",
    "\x04": "end",
    "q": "q",
    "+": "+",
}
OTHERS = ["\x1b[1;5C", "\x1b[3~", "\x1b[200~", "\x1bOP", "\x1bx", "\x1b[Z"]


@given(st.lists(st.sampled_from([*KEYS, *OTHERS]), max_size=12), st.data())
def test_however_the_bytes_come_the_keys_are_the_same(
    keys: list[str], data: st.DataObject
) -> None:
    sent = "".join(keys).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=6)))
    parser = KeyParser()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        found += parser.feed(sent[start:end])
    assert not parser.is_amid
    assert len(found) == len(keys)
    for key, name in zip(keys, found, strict=True):
        assert name == KEYS.get(key, name)
        assert (name in KEYS.values()) is (key in KEYS)


@given(st.binary(max_size=30))
def test_any_bytes_are_keys_or_the_begin_of_one(data: bytes) -> None:
    parser = KeyParser()
    found = parser.feed(data)
    assert len(found) <= len(data)
    assert sum(map(len, found)) >= len(found)
    parser.drop()
    assert parser.feed(b"q") == ["q"]


@pytest.mark.parametrize("begun", [b"\x1b", b"\x1b[", b"\x1b[1;", b"\x1bO"])
def test_what_has_begun_is_waited_for_or_dropped(begun: bytes) -> None:
    parser = KeyParser()
    assert (parser.feed(begun), parser.is_amid) == ([], True)
    parser.drop()
    assert (parser.feed(b" "), parser.is_amid) == (["space"], False)
