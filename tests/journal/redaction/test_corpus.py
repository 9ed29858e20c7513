"""Names × syntaxes × values, real texts, and what must stay: no leak, nothing destroyed."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.redaction import may_hold_secrets, redact, redact_text, search_by_marker
from tests.journal.redaction.credentials import SECRETS, SENSITIVE, STYLES
from tests.journal.redaction.harmless import TEXTS, VALUES
from tests.journal.redaction.secrets import ANY, KNOWN, RANDOM, SECRET, WORD
from tests.journal.redaction.syntaxes import SYNTAXES, Syntax, filled

NAMES = ["DB_PASSWORD", "password", "apiKey", "X-API-Key"]
PASSWORDS = [SECRET, WORD, "8675309", "Tr0ub4dor&3!x", "p/w+q=="]
MARKER = re.compile(r"\[REDACTED:[a-z-]+\]")
each_syntax = pytest.mark.parametrize("syntax", SYNTAXES, ids=[s.name for s in SYNTAXES])


def in_text(text: str, secret: str) -> bool:
    """Whether a secret stands in a text, markers aside: `secret` is a word of theirs."""
    return secret in MARKER.sub("", text)


def nested(text: str, depth: int) -> str:
    """The text as JSON in JSON in JSON."""
    for _ in range(depth):
        text = json.dumps({"n": 1.0, "content": text})
    return text


def test_the_corpus_is_as_large_as_it_has_to_be() -> None:
    assert len({syntax.name for syntax in SYNTAXES}) == len(SYNTAXES) >= 40
    assert len({*ANY, *RANDOM, *KNOWN}) >= 150
    assert len(TEXTS) + len(VALUES) >= 200


@each_syntax
def test_secrets_go_in_every_syntax_and_what_is_around_them_stays(syntax: Syntax) -> None:
    for name in NAMES:
        for value in PASSWORDS:
            text = filled(syntax.template, name, value)
            clean = redact_text(text)
            assert clean != text, text
            assert not in_text(clean, value), (text, clean)
            before, _, after = text.partition(value)
            if value not in after:
                assert clean.startswith(before), (text, clean)
                assert clean.endswith(after), (text, clean)
            assert redact_text(clean) == clean


@each_syntax
def test_placeholders_stay_and_other_names_say_nothing_in_every_syntax(syntax: Syntax) -> None:
    placeholders = ("", "${NAME}", "$NAME", "<password>", "***", "null", "true")
    fields = [(name, value) for name in ("DB_PASSWORD", "apiKey") for value in placeholders]
    fields += [(name, WORD) for name in ("max_tokens", "primary_key", "author", "path")]
    for name, value in fields:
        text = filled(syntax.template, name, value)
        assert redact_text(text) == text


def test_secrets_go_from_what_transcripts_hold() -> None:
    for text in ANY:
        for secret in (SECRET, WORD):
            check_all_depths(text.replace("§", secret), secret)


def test_what_looks_random_goes_where_a_word_would_stay() -> None:
    for text in RANDOM:
        check_all_depths(text.replace("§", SECRET), SECRET)


def test_secrets_of_a_kind_of_their_own_go() -> None:
    for text, secret in KNOWN:
        check_all_depths(text.replace("§", secret), secret)


@pytest.mark.parametrize(
    "rest", ["&lang=en", "&ampere=1", "&notify=yes", "&copy=1&reg=b", "&lt=3", "&amp;lang=en"]
)
@pytest.mark.parametrize("name", ["token", "password", "api_key"])
def test_the_next_field_of_an_address_stays_though_it_begins_like_an_entity(
    name: str, rest: str
) -> None:
    clean = redact_text(f"https://a.example/reset?{name}={SECRET}{rest}")
    assert MARKER.sub("§", clean) == f"https://a.example/reset?{name}=§{rest}"


def test_a_known_secret_goes_from_what_only_a_model_reads() -> None:
    key = "sk-" + "ant-" + "a1B2" * 8
    for thought in ({"thought_signature": key}, {"type": "thinking", "signature": f"x {key}"}):
        assert not in_text(str(redact(thought)), key)
    random = "qLMkHKdDVNcPnSOVEedOWKfOoKXlecqeuQhYbNmZxTk"
    assert not in_text(str(redact({"type": "webhook", "signature": random})), random)


def check_all_depths(text: str, secret: str) -> None:
    """Alone, in a state, and in JSON in JSON in JSON, which stays valid."""
    assert not in_text(redact({"content": text})["content"], secret), redact_text(text)
    for depth in (1, 3):
        clean = redact_text(nested(text, depth))
        for _ in range(depth):
            clean = json.loads(clean)["content"]
        assert not in_text(clean, secret), clean
        assert clean == redact_text(text)


def test_what_is_no_secret_stays() -> None:
    for value in (*TEXTS, *VALUES):
        assert repr(redact(value)) == repr(value)
        assert redact({"content": value}) == {"content": value}
        if isinstance(value, str):
            for text in (nested(value, 2), f"see:\n{value}\nand so on"):
                assert redact_text(text) == text


# Texts that are cut

CUT = [
    json.dumps({"a": 1, "arguments": json.dumps({"user": "bob", "password": SECRET, "b": "x y"})}),
    json.dumps({"content": f"A=1\nDB_PASSWORD={SECRET}\nB=2\n", "note": "kept"}, indent=2),
    json.dumps([{"name": "DB_PASSWORD", "value": SECRET}, {"name": "A", "value": "kept"}]),
]


@pytest.mark.parametrize("text", CUT, ids=range(len(CUT)))
def test_a_text_cut_anywhere_leaks_no_part_that_shows_the_secret(text: str) -> None:
    """Neither when its end is gone nor, with the name still there, its beginning."""
    for end in range(len(text)):
        assert SECRET not in redact_text(text[:end])
    name = text.index("assword") if "assword" in text else text.index("ASSWORD")
    for start in range(name - 1):
        assert SECRET not in redact_text(text[start:])


def test_a_secret_cut_in_its_midst_goes_as_well() -> None:
    text = json.dumps({"arguments": json.dumps({"password": SECRET})})
    end = text.index(SECRET) + 9
    assert SECRET[:9] not in redact_text(text[:end])


def test_a_secret_in_a_key_of_json_text_goes_be_the_key_whole_or_cut() -> None:
    key = "sk-" + "ant-" + "a1B2" * 8
    for text in (f'{{"{key}": 1, "b": 2}}', f'{{"a": {{"{key}', f'[{{"a": 1, "see {key}"'):
        clean = redact_text(text)
        assert clean == text.replace(key, "[REDACTED:anthropic-key]")


# JSON text: the secret's own characters, and nothing else

STRANGE = '{ "n" : 1e5,"k":"a",\t"k" : "b\\u00e9\\/", "password":"V" , "x":[1.0 ,-0 , 1E+2 ] }\n'


def test_nothing_else_in_json_text_changes() -> None:
    text = STRANGE.replace("V", SECRET)
    assert redact_text(text) == STRANGE.replace("V", "[REDACTED:password]")


def test_of_a_key_that_comes_twice_both_values_go() -> None:
    text = f'{{"password": "{SECRET}1", "password": "{SECRET}2"}}'
    assert redact_text(text) == (
        '{"password": "[REDACTED:password]", "password": "[REDACTED:password]"}'
    )


def test_a_number_that_is_a_password_becomes_a_string_in_json_text_at_every_depth() -> None:
    for depth in range(3):
        text = nested('{"password": 8675309, "port": 5432}', depth)
        expected = nested('{"password": "[REDACTED:password]", "port": 5432}', depth)
        assert redact_text(text) == expected


SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text()
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
PASSWORD = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(
    lambda t: f"Zq9{t}7xW"
)


@given(
    st.sampled_from(SENSITIVE),
    st.sampled_from([*STYLES.values()]),
    PASSWORD,
    DATA,
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_in_json_text_of_any_depth_only_the_secret_is_replaced(
    name: str, style: Any, secret: str, data: Any, depth: int, ascii_only: bool, indent: int | None
) -> None:
    def text_of(value: str) -> str:
        document: Any = {"x": redact(data), style(name): value, "y": 1}
        for _ in range(depth + 1):
            document = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
        return str(document)

    clean = redact_text(text_of(secret))
    kinds = set(MARKER.findall(clean)) - set(MARKER.findall(text_of("")))
    assert len(kinds) <= 1
    assert clean in {text_of(kind) for kind in kinds or MARKER.findall(clean)}


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
GENERATED = (
    st.text(LETTERS, min_size=8, max_size=40).map(lambda text: f"{text}7x")
    | st.text(LETTERS + "!^*_+-.~", min_size=6, max_size=24).map(lambda text: f"z{text}q7")
    | st.integers(1000, 10**12).map(str)
    | st.uuids().map(lambda uuid: uuid.hex)
    | st.sampled_from(["letmein", "Summer2026!", "P@ssw0rd", "adm1n", "pass1234", "iloveyou"])
)
AROUND = ["@", "see:\n@\ndone", "@\n\nThat is all.", "Here it is:\n```\n@\n```\nThe end."]
SINGULAR = [name for name in SENSITIVE if not name.endswith("s")]


@given(
    st.sampled_from(SYNTAXES),
    st.sampled_from(SINGULAR),
    st.sampled_from([*STYLES.values()]),
    GENERATED,
    st.sampled_from(AROUND),
    st.integers(0, 2),
)
def test_any_name_in_any_syntax_hides_any_value_at_any_depth(
    syntax: Syntax, name: str, style: Any, value: str, around: str, depth: int
) -> None:
    text = nested(around.replace("@", filled(syntax.template, style(name), value)), depth)
    clean = redact_text(text)
    assert redact_text(clean) == clean
    assert may_hold_secrets(text.encode())
    assert search_by_marker(text.encode())
    for _ in range(depth):
        clean = json.loads(clean)["content"]
    assert not in_text(clean, value), clean


# What makers' prefixes show, beside what they do not


def test_known_kinds_go_from_every_syntax_whatever_the_name() -> None:
    for kind, secret in SECRETS:
        if "\n" not in secret:
            for syntax in SYNTAXES[len(secret) % 3 :: 3]:
                clean = redact_text(filled(syntax.template, "thing", secret))
                assert secret not in clean, (kind, syntax)
