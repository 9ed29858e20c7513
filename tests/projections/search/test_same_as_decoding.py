"""The search finds what decoding all events and searching their texts would find."""

import math
import os
import re
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from journal.codec import decode_line, digest_of, stamp
from journal.engines.files.storage import DiskStorage, FileId
from journal.events import GENESIS, Open, Sealed, Set
from projections.search.elements import UNUSUAL_CASES, case_variants
from projections.search.look import PlainLook
from projections.search.pattern import Pattern
from projections.search.sample import Sample
from projections.search.sweep import LogPart, Sweep
from projections.search.texts import texts_of
from tests.projections.search.spelling import lines_of_events, patterns


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("lines"))


def naive(lines: list[bytes], pattern: str, flags: int) -> list[int]:
    """The lines in which it matches, by number."""
    search = re.compile(pattern, flags).search
    found = []
    for number, line in enumerate(lines):
        event = decode_line(line[:-1])
        assert event is not None
        assert not isinstance(event, Open | Sealed)
        if any(search(text) for _, text in texts_of(event)):
            found.append(number)
    return found


def quick(folder: str, lines: list[bytes], pattern: Pattern) -> list[int]:
    """What a sweep finds in a file of these lines, by number."""
    path = os.path.join(folder, "lines")
    with open(path, "wb") as file:
        file.writelines(lines)
    found = os.stat(path)
    size = found.st_size
    swept = Sweep(DiskStorage(), pattern).part(
        LogPart(path, FileId(found.st_dev, found.st_ino), 0, size, size)
    )
    assert not swept.is_odd
    assert swept.lines == len(lines)
    return [lines.index(each.line + b"\n") for each in swept.found]


def with_extra(pattern: Pattern) -> None:
    """Have it use the extra `fast`, however little that may be worth."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlainLook, "passes", lambda sample: lambda runs, often: math.inf)
        pattern.tune(Sample())


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[bytes], str, bool]:
    lines = draw(lines_of_events())
    texts = [
        text
        for line in lines
        if (event := decode_line(line[:-1])) is not None and not isinstance(event, Open | Sealed)
        for _, text in texts_of(event)
        if text
    ]
    return lines, draw(patterns(texts)), draw(st.booleans())


@pytest.mark.parametrize("is_fast", [False, True], ids=["plain", "fast"])
@given(case=cases())
def test_any_pattern_finds_the_lines_that_decoding_all_finds(
    folder: str, is_fast: bool, case: tuple[list[bytes], str, bool]
) -> None:
    lines, text, ignore_case = case
    pattern = Pattern(text, ignore_case=ignore_case)
    if is_fast:
        with_extra(pattern)
    flags = re.IGNORECASE if ignore_case or text == text.lower() else 0
    assert quick(folder, lines, pattern) == naive(lines, text, flags)


@given(case=cases(), bit=st.binary())
def test_what_a_sample_says_of_the_logs_changes_nothing(
    folder: str, case: tuple[list[bytes], str, bool], bit: bytes
) -> None:
    lines, text, ignore_case = case
    for sample in (b"".join(lines), bit):
        pattern = Pattern(text, ignore_case=ignore_case)
        pattern.tune(Sample(sample))
        flags = re.IGNORECASE if ignore_case or text == text.lower() else 0
        assert quick(folder, lines, pattern) == naive(lines, text, flags)


@given(case=cases())
def test_a_text_is_found_as_it_is(folder: str, case: tuple[list[bytes], str, bool]) -> None:
    lines, text, ignore_case = case
    flags = re.IGNORECASE if ignore_case or text == text.lower() else 0
    found = quick(folder, lines, Pattern(text, fixed=True, ignore_case=ignore_case))
    assert found == naive(lines, re.escape(text), flags)


def test_the_cases_of_a_letter_are_those_that_re_knows() -> None:
    """Of every character, so that no version of Unicode adds one unnoticed."""
    everything = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000))))
    for letter in "abcdefghijklmnopqrstuvwxyz":
        same = set(re.findall(letter, everything, re.IGNORECASE))
        assert same == case_variants(letter) == case_variants(letter.upper())
    assert set(UNUSUAL_CASES) == {"i", "k", "s"}


@pytest.mark.parametrize("letter", "äßẞåÅéσςΩωµǆⅷａ𐐀𞤀ıİſ\u212a")
def test_the_cases_of_other_letters_are_those_that_re_knows(letter: str) -> None:
    everything = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000))))
    assert set(re.findall(re.escape(letter), everything, re.IGNORECASE)) == case_variants(letter)


def in_state(state: str) -> bytes:
    """The line of a set with this JSON, whoever wrote it so."""
    event = Set(runtime_id="native", turn_id="turn-1", state=Raw(state.encode()))
    return stamp(event, 1, "2026-11-30T10:18:00.123456Z", "host:4242", GENESIS)[0]


FOUND = [
    ("größe", '{"a":"Größe"}'),
    ("größe", '{"a":"Gr\\u00f6\\u00DFe"}'),
    ("order", '{"a":"\\u006frder"}'),
    ("order", '{"a":"ord\\u0065r"}'),
    ("a/b", '{"a":"x a\\/b"}'),
    ("a/b", '{"a":"x a/b"}'),
    ('say "yes"', '{"a":"they say \\"yes\\" now"}'),
    ('say "yes"', '{"a":"they say \\u0022yes\\u0022 now"}'),
    (r"C:\\new", '{"a":"C:\\\\new"}'),
    ("one\ntwo", '{"a":"one\\ntwo"}'),
    ("one\ntwo", '{"a":"one\\u000Atwo"}'),
    (r"one\stwo", '{"a":"one\\u000btwo"}'),
    ("\x1b\\[32m", '{"a":"\\u001b[32m"}'),
    ("kiss", '{"a":"\u212a\u0130\u017fs"}'),
    ("maß", '{"a":"MA\u1e9e"}'),
    (r"\d+ ms", '{"a":"\u0663 ms"}'),
    (r"(\d\.){2}\d", '{"a":"\uff11.2.\u0663"}'),
    (r"Z\d{3}", '{"a":"Z\uff11\U0001d7ce3"}'),
    ("a(b|cd)e", '{"a":"acde"}'),
    ("ab{2}?c", '{"a":"abbc"}'),
    ("a(bc){2,}d", '{"a":"abcbcbcd"}'),
    ("a(?=b)b", '{"a":"ab"}'),
    ("x(a)\\1y", '{"a":"xaay"}'),
    ("^4316$", '{"a":4316}'),
    ("^4316$", '{"a":[4316]}'),
    ("^15e2$", '{"a":15e2}'),
    ("^true$", '{"a":true}'),
    ("^order_id$", '{"arguments":{"order_id":1}}'),
    ("^order_id$", '{"arguments":{"order_id" : 1}}'),
    (":4316,", '{"a":":4316,"}'),
    (",x", '{"a":",x"}'),
    ("}", '{"a":"}"}'),
    ("^native$", "{}"),
    ("^turn-1$", "{}"),
    ("hash", '{"hash":1}'),
    ("stat", '{"a":"station"}'),
]

NOT_FOUND = [
    ("order", '{"a":"\\\\u006frder"}'),
    ("größe", '{"a":"Gr\\\\u00f6\\\\u00dfe"}'),
    ("new", '{"a":"\\new"}'),
    ("^state$", "{}"),
    ("content", '{"transcript":[{"role":"user","content":"x"}]}'),
    ("4242", '{"a":1}'),
    ("host", '{"a":1}'),
    ("2026-11-30", '{"a":1}'),
    ("^set$", '{"a":1}'),
    ("[0-9a-f]{32}", '{"a":1}'),
    ('"a":1', '{"a":1}'),
    (r"a.*b", '{"x":"a","y":"b"}'),
    ("null", '{"a":null}'),
]


@pytest.mark.parametrize("is_fast", [False, True], ids=["plain", "fast"])
def test_what_people_wrote_is_found_however_it_was_spelled(folder: str, is_fast: bool) -> None:
    """And nothing else that stands in the line."""
    for text, state in FOUND + NOT_FOUND:
        line = in_state(state)
        expected = [0] if (text, state) in FOUND else []
        flags = re.IGNORECASE if text == text.lower() else 0
        assert naive([line], text, flags) == expected, (text, state)
        pattern = Pattern(text)
        if is_fast:
            with_extra(pattern)
        assert quick(folder, [line], pattern) == expected, (text, state)


def test_a_field_beside_the_state_that_we_do_not_know_is_not_taken_for_the_state(
    folder: str,
) -> None:
    state = b'{"a":"there"}'
    head, tail = in_state(state.decode()).split(state)
    tail = b',"note":"elsewhere"' + tail.partition(b',"hash"')[0]
    digest = digest_of(head + sha256(state).hexdigest().encode() + tail)
    odd = head + state + tail + b',"hash":"%b"}\n' % digest.encode()
    assert quick(folder, [odd], Pattern("elsewhere")) == naive([odd], "elsewhere", 0) == []
    assert quick(folder, [odd], Pattern("there")) == [0]
