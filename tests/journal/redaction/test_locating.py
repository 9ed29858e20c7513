"""Where secrets are in data: the places are listed, and show none of them."""

from typing import Any

import pytest

from journal.redaction.locate import Located, locate
from tests.journal.redaction.secrets import SECRET

KEY = "ghp" + "_" + "a1B2c3D4e5F6" * 3


@pytest.mark.parametrize(
    ("data", "places"),
    [
        ("nothing", []),
        ({"n": 1, "items": [True, None, "text"]}, []),
        ({"password": SECRET}, [Located("password", "password")]),
        ({"a": [1, {"note_1": KEY}]}, [Located("a[1].note_1", "github-token")]),
        ({"a b": f"password={SECRET}"}, [Located("['a b']", "password")]),
        ({"a": {KEY: 1}}, [Located("a['[REDACTED:github-token]']", "github-token", in_key=True)]),
        (f"{KEY} and {KEY}, password={SECRET}", [("", "github-token"), ("", "password")]),
        (f"[REDACTED:token] and {KEY}", [("", "github-token")]),
        (f"[REDACTED:github-token] and {KEY}", [("", "github-token")]),
    ],
)
def test_every_place_of_a_secret_is_listed_once(
    data: Any, places: list[tuple[str, str] | Located]
) -> None:
    assert list(locate(data)) == [Located(*place) for place in places]


def test_of_a_long_key_only_the_beginning_is_shown() -> None:
    key = "words " * 40
    (found,) = locate({key: {"password": SECRET}})
    assert found.path.startswith("['words words")
    assert found.path.endswith("…'].password")
    assert len(found.path) < len(key) / 2
