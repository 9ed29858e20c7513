"""Nonsense is refused where it is given, by name, and never acted upon."""

import asyncio
import os
import pwd
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from journal import FolderError, GatewayConfig, JournalError, Limits, SessionConfig
from projections import AsyncSessionStore, DefaultSessionStore
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


# A home that nobody knows


@pytest.fixture
def set_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Of these variables that name a home only those given; no user that the system knows."""

    def set_variables(*, knows_users: bool = False, **variables: str) -> None:
        for name in ("HOME", "PRAISONAI_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        for name in () if knows_users else ("getpwuid", "getpwnam"):
            monkeypatch.setattr(pwd, name, {}.__getitem__)
        monkeypatch.chdir(tmp_path)

    return set_variables


@pytest.mark.parametrize(
    ("folder", "variables", "named"),
    [
        (None, {}, "the default folder is '~/.praisonai/sessions'"),
        (None, {"HOME": ""}, "the default folder"),
        (None, {"HOME": "relative"}, "'relative', which is not an absolute path"),
        (None, {"PRAISONAI_HOME": "~/x"}, "PRAISONAI_HOME is '~/x/sessions'"),
        (None, {"PRAISONAI_HOME": "~"}, "PRAISONAI_HOME"),
        ("~", {}, "session_dir is '~'"),
        ("~/x", {}, "session_dir"),
        ("~nobody-of-that-name/x", {"HOME": "/root"}, "'nobody-of-that-name'"),
    ],
)
def test_without_a_known_home_it_says_to_name_a_folder_and_makes_none(
    tmp_path: Path,
    set_home: Callable[..., None],
    folder: str | None,
    variables: dict[str, str],
    named: str,
) -> None:
    set_home(**variables)
    with pytest.raises(FolderError) as caught:
        DefaultSessionStore(folder)
    for part in (named, "session_dir", "persist_path", "$PRAISONAI_HOME", "--dir", "$JOURNAL_DIR"):
        assert part in str(caught.value)
    assert isinstance(caught.value, JournalError)
    assert isinstance(caught.value, ValueError)
    assert list(tmp_path.iterdir()) == []


def test_the_persist_path_of_a_config_is_no_folder_called_tilde_either(
    set_home: Callable[..., None],
) -> None:
    set_home()
    with pytest.raises(FolderError, match="persist_path is '~/x'"):
        DefaultSessionStore(config=SessionConfig(persist_path="~/x"))
    memory = DefaultSessionStore(config=SessionConfig(persist=False, persist_path="~/x"))
    assert memory.session_dir is None


@pytest.mark.parametrize(
    ("chosen", "variables", "folder"),
    [
        ("/data/x", {}, "/data/x"),
        (None, {"PRAISONAI_HOME": "/data"}, "/data/sessions"),
        (None, {"HOME": "/data"}, "/data/.praisonai/sessions"),
        (None, {"HOME": "/"}, "/.praisonai/sessions"),
        ("~", {"HOME": "/data/"}, "/data"),
        ("~//x", {"HOME": "/data"}, "/data/x"),
        ("x", {}, "HERE/x"),
        ("./~", {}, "HERE/~"),
        (None, {"PRAISONAI_HOME": "x"}, "HERE/x/sessions"),
    ],
)
def test_a_folder_that_was_named_asks_the_system_for_no_home(
    tmp_path: Path,
    set_home: Callable[..., None],
    chosen: str | None,
    variables: dict[str, str],
    folder: str,
) -> None:
    set_home(**variables)
    assert DefaultSessionStore(chosen).session_dir == folder.replace("HERE", str(tmp_path))


@pytest.mark.parametrize("variables", [{}, {"HOME": ""}])
def test_without_home_in_the_environment_it_is_the_systems(
    set_home: Callable[..., None], variables: dict[str, str]
) -> None:
    set_home(knows_users=True, **variables)
    own = pwd.getpwuid(os.getuid()).pw_dir
    assert DefaultSessionStore().session_dir == f"{own}/.praisonai/sessions"
    assert DefaultSessionStore("~root/x").session_dir == f"{pwd.getpwnam('root').pw_dir}/x"


def test_the_command_says_so_too_as_a_usage_error(tmp_path: Path) -> None:
    code = (
        "import pwd, sys\npwd.getpwuid = {}.__getitem__\n"
        f"sys.path[:0] = {sys.path!r}\nfrom projections.cli import main\nmain()"
    )
    for args, variables in ((["--dir", "~/x"], {}), ([], {"JOURNAL_DIR": "~/x"})):
        ran = subprocess.run(
            [sys.executable, "-c", code, "set", "s", "r", "t", "{}", *args],
            cwd=tmp_path,
            env={"PYTHONDONTWRITEBYTECODE": "1", **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 2
        assert "$JOURNAL_DIR" in ran.stderr
        assert "Traceback" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


# Limits


def exceeding(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "limit" in record.getMessage()]


@pytest.mark.parametrize("persist", [True, False])
def test_the_first_excess_is_noted_with_the_worst_and_how_to_raise_the_limit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, persist: bool
) -> None:
    config = SessionConfig(persist=persist, persist_path=str(tmp_path), mirror_runtime_state=True)
    with DefaultSessionStore(config=config, durability="os") as store:
        store.set_runtime_state("small", "r", "t", {"x": "y" * 900})
        assert exceeding(caplog) == []
        sizes = {"a": 2_000, "worst": 4_992, "b": 3_000}
        store.set_many("s", [("native", turn, {"x": "y" * size}) for turn, size in sizes.items()])
        (message,) = exceeding(caplog)
        for part in ("'s'", "'native'", "'worst'", "5,000", "1,024", "Limits(turn_bytes=5000)"):
            assert part in message
        for session in ("s", "other"):
            store.set_runtime_state(session, "other", "t", {"x": "y" * 50_000})
        assert len(exceeding(caplog)) == 1
    with DefaultSessionStore(config=config, durability="os") as another:
        another.set_runtime_state("s", "r", "t", {"x": "y" * 2_000})
        assert len(exceeding(caplog)) == 2


def test_many_small_turns_are_an_excess_of_the_runtime(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for number in range(12):
            store.set_runtime_state("s", "native", f"t{number}", {"x": "y" * 992})
    (message,) = exceeding(caplog)
    for part in ("'s'", "'native'", "11,000", "10,240", "Limits(runtime_bytes=11000)"):
        assert part in message
    assert "t10" not in message, "it is not that turn's fault"


def test_threads_that_exceed_it_at_the_same_time_note_it_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start = threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        store.set_runtime_state(f"s{number}", "r", "t", {"x": "y" * 2_000})

    with DefaultSessionStore(tmp_path, durability="os") as store, ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(exceeding(caplog)) == 1


def test_a_forked_child_notes_it_once_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def write() -> int:
        for _ in range(2):
            store.set_runtime_state("s", "r", "t", {"x": "y" * 2_000})
        return len(exceeding(caplog))

    with DefaultSessionStore(tmp_path, durability="os") as store:
        assert write() == 1
        child = os.fork()
        if child == 0:
            os._exit(write())
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2


def test_the_note_of_an_asynchronous_store_is_that_of_the_store_in_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def write() -> None:
        async with AsyncSessionStore(DefaultSessionStore(tmp_path, durability="os")) as store:
            for turn in "ab":
                await store.set_runtime_state("s", "r", turn, {"x": "y" * 2_000})

    asyncio.run(write())
    assert len(exceeding(caplog)) == 1
