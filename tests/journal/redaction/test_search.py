"""The searches that keep redaction cheap leave nothing out that would be replaced."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journal.redaction import (
    assignments,
    commands,
    may_hold_secrets,
    redact,
    search_by_marker,
    text,
)
from journal.redaction.anywhere import any_of, lowered
from journal.redaction.vocabulary import QUALIFIERS
from tests.journal.redaction.harmless import TEXTS as HARMLESS
from tests.journal.redaction.pieces import ASSIGNED, PIECES, STATES
from tests.journal.redaction.secrets import ANY, SECRET, WORD
from tests.journal.redaction.syntaxes import SYNTAXES, filled


@given(STATES)
@example({"a": '{"password":1234}'})
@example({"access_tokens": {"a": "hunter2"}, "passed": 1})
@example({"name": "token", "value": "Zq9x7Wp2Lm4Kt8"})
@example({"a": "login: passed=1 pass=hunter2"})
@example({"a": "10:00:07Z 7z a -phunter2 x.7z"})
def test_what_would_be_replaced_is_never_passed_over(state: dict[str, Any]) -> None:
    encoded = json.dumps(state, separators=(",", ":"), ensure_ascii=False)
    if redact(state) != state:
        assert search_by_marker(encoded.encode(errors="surrogatepass"))
        assert may_hold_secrets(encoded.encode(errors="surrogatepass"))


@given(
    st.lists(PIECES | ASSIGNED | st.text(max_size=3), max_size=9).map("".join)
    | STATES.map(lambda state: json.dumps(state, separators=(",", ":")))
)
@example("passed, password")
@example("https://a.b, https://a:b@c")
@example("TASK, 5F7z, 0.117Z, 12345T7z, x.7z")
@example("sk-" + "a" * 16 + "*")
@example("task-list, sk-" + "a" * 16)
@example("a" * 12 + "SK")
@example("a" * 13 + "SK")
@example("SK" + "a" * 12 + " " + "SK" + "a" * 13)
def test_the_fast_search_finds_markers_where_ours_does(text: str) -> None:
    encoded = text.encode(errors="surrogatepass")
    assert may_hold_secrets(encoded) == search_by_marker(encoded)


@given(STATES)
def test_redaction_finds_the_same_without_any_search(state: dict[str, Any]) -> None:
    found = redact(state)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "may_hold", lambda _: True)
        patch.setattr(text, "may_be_shaped", lambda _: True)
        assert redact(state) == found


class LooksForAll(assignments._AssignmentReader):
    """Looks for what the text has nothing of as well."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._has_tags = self._has_fields = self._has_logins = self._has_wrappers = True


@pytest.mark.parametrize(
    ("name", "value"), [("DB_PASSWORD", SECRET), ("token", WORD), ("api-key", SECRET)]
)
def test_what_a_text_has_no_word_of_is_not_in_it(name: str, value: str) -> None:
    """The corpus read with all patterns, and as usual with those only that it has a word of."""
    corpus = [filled(syntax.template, name, value) for syntax in SYNTAXES]
    corpus += [each.replace("§", value) for each in ANY] + HARMLESS
    usual = [text.redact_text(each) for each in corpus]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assignments, "_AssignmentReader", LooksForAll)
        patch.setattr(commands, "_SEARCHES", [(("",), each) for each in commands._COMMANDS])
        patch.setattr(text, "may_hold", lambda _: True)
        patch.setattr(text, "may_be_shaped", lambda _: True)
        assert [text.redact_text(each) for each in corpus] == usual


@given(
    st.lists(st.binary(min_size=1, max_size=3), min_size=1, max_size=5),
    st.lists(st.sampled_from([b"a", b"ab", b"-", b"_", b"\xd0", b"7"]) | st.binary(max_size=2)),
)
def test_a_pattern_finds_a_word_wherever_one_is(words: list[bytes], parts: list[bytes]) -> None:
    text = b"".join(parts)
    assert (any_of(words, {}).search(text) is not None) is any(word in text for word in words)


@given(st.text())
@example("İSTANBUL Password")
def test_every_character_keeps_its_place_in_lower_case(text: str) -> None:
    lower = lowered(text)
    assert len(lower) == len(text)
    assert all(b == a.lower() for a, b in zip(text, lower, strict=True) if a.isascii())


@pytest.mark.parametrize(
    "state",
    [
        {"usage": {"input_tokens": 12, "output_tokens": 3, "max_tokens": 4096}},
        {
            "summary": "42 tests passed, 3 passes",
            "token_count": 5,
            "permission": "bypassPermissions",
        },
        {"author": "Ada", "authStatus": {}, "at": "2026-11-29T01:52:53.117Z", "on": "keyboard"},
        {"id": "c0ffee00-76fc-4b4b-b4fc-cd9ad8c8ce6b", "name": "task-notification"},
    ],
    ids=str,
)
def test_what_most_states_hold_is_no_marker(state: dict[str, Any]) -> None:
    encoded = json.dumps(state, separators=(",", ":")).encode()
    assert not search_by_marker(encoded)
    assert not may_hold_secrets(encoded)


def test_no_word_that_names_are_read_past_begins_like_what_makes_a_marker_harmless() -> None:
    harmless: tuple[str, ...] = (
        "ed",
        "es",
        "ing",
        "age",
        "ive",
        "ion",
        "through",
        "permissions",
        "count",
        "usage",
    )
    harmless += ("or", "enticate", "status", "methods", "board", "bind", "word", "s_details")
    assert not [word for word in QUALIFIERS if word.startswith(harmless)]
