"""Which session a file belongs to, by what is in it: names of files can be digests of ids."""

from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.storage import DiskStorage
from projections import DefaultSessionStore
from projections.store.session_file import session_id_in
from tests.support import FaultyStorage


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"session_id": "a", "messages": []}', "a"),
        ('{"messages": [], "session_id": "a"}', "a"),
        ('{"session_id": "\\u00e4", "messages": []}', "ä"),
        ('{"messages": [], "session_id": "\\u00e4"}', "ä"),
        ('{"messages": []}', None),
        ('{"session_id": 7}', None),
        ('{"session_id": ""}', None),
        ('{"messages": [], "session_id": "\\ud800"}', None),
        ('{"session_id": "a"', None),
        ("[]", None),
        ("", None),
    ],
)
def test_it_is_what_the_document_says_or_nothing(
    tmp_path: Path, content: str, said: str | None
) -> None:
    path = tmp_path / "any.json"
    path.write_text(content)
    assert session_id_in(DiskStorage(), str(path)) == said


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert session_id_in(DiskStorage(), str(tmp_path / "none.json")) is None


def test_a_large_file_is_read_only_where_its_id_is(tmp_path: Path) -> None:
    """Files grow with their messages, and a listing asks each."""
    asked: list[int] = []

    def note(name: str, args: tuple[Any, ...]) -> None:
        if name == "read":
            asked.append(args[1])

    path = tmp_path / "any.json"
    path.write_text('{"session_id": "a", "messages": ["%s"]}' % ("x" * 100_000))
    assert session_id_in(FaultyStorage(note), str(path)) == "a"
    assert sum(asked) < 10_000


@pytest.mark.parametrize(
    ("name", "content", "listed"),
    [
        ("chat_7.json", '{"session_id": "chat/7", "messages": []}', "chat/7"),
        ("chat_7.json", '{"messages": []}', "chat_7"),
        ("chat_7.json", "{", "chat_7"),
        ("plain.json", '{"session_id": "other"}', "other"),
    ],
)
def test_a_listing_calls_a_session_what_its_file_says(
    tmp_path: Path, name: str, content: str, listed: str
) -> None:
    """PraisonAI writes `_` for what file names cannot hold: the name would be another session."""
    (tmp_path / name).write_text(content)
    with DefaultSessionStore(tmp_path) as store:
        assert [info["session_id"] for info in store.list_sessions()] == [listed]
