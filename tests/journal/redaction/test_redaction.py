"""Secrets never reach the disk, and nothing else is touched."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.redaction import may_hold_secrets, redact, search_by_marker
from projections import DefaultSessionStore
from tests.journal.redaction.credentials import AMBIGUOUS, BODY, SECRETS, SENSITIVE, STYLES
from tests.support import bytes_in

each_secret = pytest.mark.parametrize(
    ("kind", "secret"), SECRETS, ids=[f"{kind} {secret[:5]}" for kind, secret in SECRETS]
)


def encoded(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@each_secret
def test_a_secret_becomes_its_kind_wherever_it_stands(kind: str, secret: str) -> None:
    marker = f"[REDACTED:{kind}]"
    assert redact({"note": secret, "deep": [[{"n": (1, secret)}]]}) == {
        "note": marker,
        "deep": [[{"n": [1, marker]}]],
    }
    for before in ("", "key=", "(", "é", "\n", '{"k": "', "v:"):
        for after in ("", " then", ")", ",", '"}', "\n"):
            assert redact(before + secret + after) == before + marker + after
    assert redact(f"{secret} and {secret}") == f"{marker} and {marker}"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("postgres://app:hunter2@db:5432/x", "postgres://app:[REDACTED:url-password]@db:5432/x"),
        ("redis://:p%40ss@h", "redis://:[REDACTED:url-password]@h"),
        ("ftp://u:a:b@c@h/ and more", "ftp://u:[REDACTED:url-password]@h/ and more"),
        ("curl -H 'Authorization: Bearer abc.def-123'", None),
        ("bearer 0123456789abcdef==", "bearer [REDACTED:bearer-token]"),
    ],
)
def test_passwords_in_urls_and_bearer_values_go_and_the_rest_stays(
    text: str, redacted: str | None
) -> None:
    expected = redacted or "curl -H 'Authorization: Bearer [REDACTED:bearer-token]'"
    assert redact(text) == expected


def test_a_token_in_place_of_a_urls_user_leaves_one_marker() -> None:
    token = "ghp" + "_" + BODY[:36]
    assert redact(f"https://{token}@host/x") == "https://[REDACTED:github-token]@host/x"


def test_the_whole_password_goes_when_a_part_of_it_looks_like_a_key() -> None:
    text = redact("https://user:" + "sk-" + BODY[:24] + "!rest@host")
    assert "rest" not in text
    assert text.endswith("@host")


@pytest.mark.parametrize("prefix", ["AIza", "npm_"])
def test_nothing_is_left_of_a_token_longer_than_usual(prefix: str) -> None:
    assert BODY[-4:] not in redact(prefix + BODY)


def test_a_private_key_without_its_end_goes_to_the_end_of_the_text() -> None:
    begin = "-" * 5 + "BEGIN RSA PRIVATE KEY" + "-" * 5
    assert redact(f"see {begin}\nMIIBOg\nAKj3") == "see [REDACTED:private-key]"


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_text_under_a_sensitive_key_goes_whatever_it_is(style: Any) -> None:
    for name in map(style, SENSITIVE):
        state = {"id": "call-1", "a": [{name: "hunter two"}], name: {"x": ["hunter", 2, None, ""]}}
        again = redact(state)
        assert "hunter" not in str(again), name
        assert again["a"][0][name].startswith("[REDACTED:")
        assert again[name]["x"][1:] == [2, None, ""]
        assert again["id"] == "call-1"
        assert may_hold_secrets(encoded(state))


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_under_an_ambiguous_key_the_value_decides(style: Any) -> None:
    for name in map(style, AMBIGUOUS):
        for harmless in ("a word", "tests/test_a.py", "created_at", 12, None, ["id", "name"]):
            assert redact({name: harmless}) == {name: harmless}
        secret = {name: "Zq9x" * 6}
        assert "Zq9x" not in str(redact(secret)), name
        assert may_hold_secrets(encoded(secret))


@pytest.mark.parametrize("key", ["DBPassword", "XApiKey", "OpenAIApiKey", "AWSSecretAccessKey"])
def test_capitals_before_a_sensitive_word_do_not_hide_it(key: str) -> None:
    assert "hunter2" not in str(redact({key: "hunter2"}))


def test_the_state_passed_in_is_not_changed() -> None:
    state = {"a": [{"password": "hunter2"}, SECRETS[0][1]]}
    before = copy.deepcopy(state)
    redact(state)
    assert state == before


# Random data with secrets in it, near misses and what redaction leaves behind

NEAR = ["://", "u:", "@h", "Bearer ", "bearer", "[REDACTED:", "openai-key]", "-----BEGIN ", "sk-"]
BITS = st.text(max_size=3) | st.sampled_from([*NEAR, *' \n"\\/aZ9=-_.é{:\u212a'])
NOISE = st.lists(BITS, max_size=6).map("".join)
TEXTS = st.lists(BITS | st.sampled_from([s for _, s in SECRETS]), max_size=6).map("".join)


def in_any_case(key: str, upper: int) -> str:
    return "".join(c.upper() if upper >> i & 1 else c for i, c in enumerate(key))


STYLED = st.builds(
    lambda f, key: f(key), st.sampled_from([*STYLES.values()]), st.sampled_from(SENSITIVE)
)
KEYS = STYLED | st.builds(in_any_case, st.sampled_from(SENSITIVE), st.integers(0, 2**17)) | TEXTS
VALUES = st.recursive(
    TEXTS | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@given(VALUES)
@example("AIza" + BODY[:35] + "sk-" + BODY[:24])
@example("https://" + "ghp_" + BODY[:36] + "@host")
def test_redacting_twice_is_the_same_as_once(value: Any) -> None:
    assert redact(redact(value)) == redact(value)


@given(VALUES)
@example({"PASSword": "hunter2"})
@example({"password\n": "hunter2"})
@example({"api_\u212aey": "hunter2"})
def test_the_quick_search_misses_nothing_that_would_be_redacted(value: Any) -> None:
    if redact(value) != value:
        assert search_by_marker(encoded(value))
        assert may_hold_secrets(encoded(value))


@given(st.sampled_from(SECRETS), NOISE, NOISE)
def test_what_matched_is_never_echoed(secret: tuple[str, str], before: str, after: str) -> None:
    assert secret[1] not in redact(f"{before} {secret[1]} {after}")


# Through a store, down to the bytes on the disk


def write_and_compact(folder: Path, state: dict[str, Any], **options: Any) -> dict[str, bytes]:
    with DefaultSessionStore(folder, durability="os", **options) as store:
        store.set_runtime_state("s", "native", "turn-1", state)
        store.set_many("s", [("native", "turn-1", state), ("native", "turn-2", state)])
        store.compact("s")
    Directory(str(folder), LogOptions("os")).pack("s")
    files = bytes_in(folder)
    assert {"s.jsonl", "s.json", "s.3.jsonl.gz"} <= set(files)
    return files


def test_no_secret_is_in_any_file(tmp_path: Path) -> None:
    secrets = [secret for _, secret in SECRETS] + ["hunter2"]
    state = {"text": [f"see {s}" for s in secrets[:-1]], "password": "hunter2", "kept": "harmless"}
    for name, data in write_and_compact(tmp_path, state).items():
        for secret in secrets:
            assert json.dumps(secret)[1:-1].encode() not in data, name
        assert b"harmless" in data or name.endswith(".lock")


def test_without_redaction_the_state_is_saved_as_it_is(tmp_path: Path) -> None:
    state = {"password": "hunter2", "text": SECRETS[0][1]}
    files = write_and_compact(tmp_path, state, redact=None)
    assert all(b"hunter2" in data for name, data in files.items() if not name.endswith(".lock"))
    with DefaultSessionStore(tmp_path) as store:
        assert store.get_runtime_state("s", "native", "turn-1") == state


def test_a_callable_takes_the_place_of_redaction_and_gets_a_copy(tmp_path: Path) -> None:
    def blank(state: dict[str, Any]) -> dict[str, Any]:
        state["calls"].append("seen")
        return {**state, "name": "blank"}

    state = {"name": "Ada", "password": "hunter2", "calls": ["call-1"]}
    files = write_and_compact(tmp_path, state, redact=blank)
    assert state == {"name": "Ada", "password": "hunter2", "calls": ["call-1"]}
    assert not any(b"Ada" in data for data in files.values())
    with DefaultSessionStore(tmp_path) as store:
        assert store.get_runtime_state("s", "native", "turn-2") == {
            **state,
            "name": "blank",
            "calls": ["call-1", "seen"],
        }


@pytest.mark.parametrize("returned", [None, {"when": b"bytes"}, "text"], ids=repr)
def test_a_callable_that_returns_no_state_saves_nothing(tmp_path: Path, returned: Any) -> None:
    store = DefaultSessionStore(tmp_path, redact=lambda _: returned)
    with store, pytest.raises(TypeError, match="redacted state"):
        store.set_runtime_state("s", "native", "turn-1", {"password": "hunter2"})
    assert list(tmp_path.iterdir()) == []
