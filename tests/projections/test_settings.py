"""Nonsense is refused where it is given, by name, and never acted upon."""

from pathlib import Path
from typing import Any

import pytest

from journal import GatewayConfig, JournalError, Limits, SessionConfig
from projections import DefaultSessionStore
from tests.support import files_in


class Loose:
    """A config of somebody else's that was read from YAML without checks."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update({"persist": True, "persist_path": None, **fields})


NONSENSE: dict[str, dict[str, Any]] = {
    "durability": {"durability": "maybe"},
    "history": {"history": "burn"},
    "redact": {"redact": 7},
    "max_open": {"max_open": 0},
    "max_open ": {"max_open": "x"},
    "config": {"config": 7},
    "mirror_runtime_state": {"config": Loose(mirror_runtime_state="no")},
    "persist": {"config": Loose(mirror_runtime_state=True, persist="false")},
    "lock_timeout": {"lock_timeout": float("nan")},
    "lock_timeout ": {"lock_timeout": -1},
    "lock_timeout  ": {"lock_timeout": "x"},
    "limits": {"limits": {"turn_bytes": 5}},
    "writer": {"writer": 5},
}


@pytest.mark.parametrize("name", NONSENSE)
def test_a_setting_that_makes_no_sense_is_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises((TypeError, ValueError), match=name.strip()):
        DefaultSessionStore(tmp_path, **NONSENSE[name])


def test_a_path_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="session_dir must be a path, not int"):
        DefaultSessionStore(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="session_dir contains a NUL"):
        DefaultSessionStore("a\0b")
    config = SessionConfig(persist_path=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="persist_path must be a path"):
        DefaultSessionStore(config=config)


def test_a_gateway_config_of_nothing_does_not_switch_mirroring_on() -> None:
    with pytest.raises(TypeError, match="session_config"):
        GatewayConfig(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="turn_bytes"):
        Limits("x")  # type: ignore[arg-type]


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert DefaultSessionStore("~/x").session_dir == str(tmp_path / "x")


@pytest.mark.parametrize("bad", [5, b"x", ["a"], None, True], ids=repr)
def test_an_id_that_is_no_string_is_refused_by_every_method(tmp_path: Path, bad: Any) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for call in (
            lambda: store.set_runtime_state(bad, "r", "t", {}),
            lambda: store.set_runtime_state("s", bad, "t", {}),
            lambda: store.set_runtime_state("s", "r", bad, {}),
            lambda: store.get_runtime_state(bad, "r"),
            lambda: store.get_runtime_state("s", bad),
            lambda: store.clear_runtime_state(bad),
            lambda: store.session_exists(bad),
            lambda: store.delete_session(bad),
            lambda: store.compact(bad),
            lambda: store.verify(bad),
        ):
            with pytest.raises(TypeError, match="must be a string") as caught:
                call()
            assert isinstance(caught.value, JournalError)
        if bad is not None:
            with pytest.raises(TypeError, match="turn_id"):
                store.get_runtime_state("s", "r", bad)
            with pytest.raises(TypeError, match="runtime_id"):
                store.clear_runtime_state("s", bad)
    assert files_in(tmp_path) == set()


@pytest.mark.parametrize(
    ("items", "place"),
    [
        ([1], r"items\[0\]"),
        ([("r", "t", {}), ("r", "t")], r"items\[1\]"),
        (
            [("r", "t", {}), ("r", "t", {}), ("r", "t", {"a": {"b": b""}})],
            r"items\[2\]\.state\.a\.b",
        ),
        ([("r", "t", {}), ("r", "t", None)], r"items\[1\]\.state"),
    ],
)
def test_a_bad_item_of_a_batch_is_named_and_nothing_is_written(
    tmp_path: Path, items: Any, place: str
) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        with pytest.raises(TypeError, match=place) as caught:
            store.set_many("s", items)
        assert isinstance(caught.value, JournalError)
    assert files_in(tmp_path) == set()


def test_other_arguments_are_checked_too(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path) as store:
        with pytest.raises(TypeError, match="head"):
            store.verify("s", 5)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="not a head"):
            store.verify("s", "abc")
        with pytest.raises(ValueError, match="limit"):
            store.list_sessions(-1)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = DefaultSessionStore(tmp_path / "file" / "below")
    with pytest.raises(OSError, match=r"file/below"):
        store.set_runtime_state("s", "r", "t", {})
