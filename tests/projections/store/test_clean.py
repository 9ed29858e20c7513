"""Parts of states, cleaned as the store cleans whole ones: adapters cut only what is clean."""

from typing import Any

import pytest
from msgspec import json

from journal.redaction import Redactor, redact
from projections.store.encoder import StateEncoder

SECRET = "sk-proj-" + "a1B2c3D4" * 6


def own(state: dict[str, Any]) -> dict[str, Any]:
    return {key: "mine" if key == "value" else value for key, value in state.items()}


@pytest.mark.parametrize(
    ("redactor", "value", "expected"),
    [
        (None, {"key": SECRET}, {"key": SECRET}),
        (redact, {"city": "Rome"}, {"city": "Rome"}),
        (redact, ["no secret", 1], ["no secret", 1]),
        (own, {"city": "Rome"}, "mine"),
    ],
)
def test_a_value_is_cleaned_by_the_redactor_of_the_store(
    redactor: Redactor | None, value: object, expected: object
) -> None:
    assert json.decode(StateEncoder(redactor).clean(json.encode(value))) == expected


def test_no_secret_is_left_in_it() -> None:
    found = StateEncoder(redact).clean(json.encode({"text": f"the key is {SECRET}"}))
    assert SECRET.encode() not in found
    assert b"REDACTED" in found
