"""Secrets in keys and ids: saved as they are, and warned of, once for each kind."""

import logging
from pathlib import Path

import pytest

from projections import DefaultSessionStore

KEY = "AK" + "IA" + "ABCD2345" * 2
TOKEN = "gh" + "p_" + "a1B2" * 9


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_a_secret_in_a_key_is_warned_of_once_and_never_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for turn in ("turn-1", "turn-2"):
            store.set_runtime_state("s", "native", turn, {"calls": [{KEY: 1, "text": "x"}]})
        assert store.get_runtime_state("s", "native", "turn-1")["calls"][0][KEY] == 1
    (warning,) = warnings(caplog)
    assert "a key of a state" in warning
    assert "aws-key" in warning
    assert KEY not in warning


@pytest.mark.parametrize(
    "ids", [(TOKEN, "native", "t"), ("s", TOKEN, "t"), ("s", "native", TOKEN)], ids=str
)
def test_a_secret_in_an_id_is_warned_of_once_and_never_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, ids: tuple[str, str, str]
) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state(*ids, {"n": 1})
        store.set_runtime_state(*ids, {"n": 2})
        assert store.get_runtime_state(*ids) == {"n": 2}
    (warning,) = warnings(caplog)
    assert "an id" in warning
    assert "github-token" in warning
    assert TOKEN not in warning


def test_each_kind_and_place_is_warned_of_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "native", "t", {KEY: 1, TOKEN: 1, f"x {TOKEN}": 2})
        store.hand_off("s", "native", TOKEN)
    assert len(warnings(caplog)) == 3
    assert not any(KEY in text or TOKEN in text for text in warnings(caplog))


def test_where_redaction_is_off_or_another_nothing_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for redact in (None, dict):
        with DefaultSessionStore(tmp_path, durability="os", redact=redact) as store:
            store.set_runtime_state("s", "native", TOKEN, {KEY: 1})
    assert warnings(caplog) == []


def test_usual_keys_and_ids_are_not_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        state = {"password": "x", "api_key": 1, "a key with spaces": 2, "max_tokens": 3}
        store.set_runtime_state(
            "agent:main:main", "native-runtime-of-0d3c7a51", "call_9fD2kQ7xVb31a8", state
        )
    assert warnings(caplog) == []
