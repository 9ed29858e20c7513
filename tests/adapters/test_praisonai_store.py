"""`JournalSessionStore` in place of PraisonAI's own store: what it does alike, and what better."""

import errno
import inspect
import json
import logging
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from praisonaiagents.session.hierarchy import ExtendedSessionData, HierarchicalSessionStore
from praisonaiagents.session.protocols import (
    PortableSessionStoreProtocol,
    SessionStoreProtocol,
)
from praisonaiagents.session.store import DefaultSessionStore as PraisonAIStore
from praisonaiagents.session.store import SessionData

from projections import DefaultSessionStore
from projections.adapters.praisonai import JournalHierarchicalSessionStore, JournalSessionStore
from tests.adapters.forked import fork, status_of
from tests.support import FaultyStorage

ONE = {"calls": ["call-1"]}
TWO = {"calls": ["call-2"], "text": "日本"}
KEY = "sk-proj-" + "a1B2c3D4e5F6" * 4
BOTH_CLASSES = pytest.mark.parametrize(
    "kind", [JournalSessionStore, JournalHierarchicalSessionStore]
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the developer's own sessions."""
    monkeypatch.setenv("PRAISONAI_HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sessions"


@pytest.fixture
def store(folder: Path) -> Iterator[JournalSessionStore]:
    with JournalSessionStore(session_dir=str(folder)) as opened:
        yield opened


@pytest.fixture
def tree(folder: Path) -> Iterator[JournalHierarchicalSessionStore]:
    with JournalHierarchicalSessionStore(session_dir=str(folder)) as opened:
        yield opened


def in_file(folder: Path, session: str) -> Any:
    """What the session file says is the runtime state."""
    return json.loads((folder / f"{session}.json").read_text())["runtime_state"]


# A substitute


@BOTH_CLASSES
def test_it_is_what_praisonai_asks_for(kind: type[JournalSessionStore], folder: Path) -> None:
    with kind(session_dir=str(folder)) as store:
        assert isinstance(store, PraisonAIStore)
        assert isinstance(store, SessionStoreProtocol)
        assert isinstance(store, PortableSessionStoreProtocol)
    assert issubclass(JournalHierarchicalSessionStore, HierarchicalSessionStore)


@BOTH_CLASSES
def test_it_takes_the_arguments_that_praisonais_takes(
    kind: type[JournalSessionStore], folder: Path
) -> None:
    """In the same order, too: a newer PraisonAI's new ones included."""
    parameters = list(inspect.signature(PraisonAIStore).parameters)
    values: dict[str, Any] = {
        "session_dir": str(folder),
        "max_messages": 7,
        "lock_timeout": 1.5,
        "retention": "keep_all",
        "active_window": 3,
        "mirror": None,
        "cache_maxsize": 9,
    }
    assert parameters == list(values), "PraisonAI's constructor has changed"
    with kind(*values.values()) as by_place, kind(**values) as by_name:
        for store in (by_place, by_name):
            assert (store.session_dir, store.max_messages) == (str(folder), 7)
            assert (store.retention, store.active_window) == ("keep_all", 3)
            assert store.journal.session_dir == str(folder)
    with pytest.raises(ValueError, match="retention"):
        kind(session_dir=str(folder), retention="some")


def test_every_public_method_of_praisonais_takes_what_it_took() -> None:
    """An override must not lag behind a newer PraisonAI."""
    for kind, original in (
        (JournalSessionStore, PraisonAIStore),
        (JournalHierarchicalSessionStore, HierarchicalSessionStore),
    ):
        for name, method in inspect.getmembers(original, inspect.isfunction):
            if not name.startswith("_"):
                theirs = inspect.signature(method).parameters.values()
                ours = inspect.signature(getattr(kind, name)).parameters.values()
                assert [(p.name, p.kind, p.default) for p in ours] == [
                    (p.name, p.kind, p.default) for p in theirs
                ], f"{original.__name__}.{name}"


def test_the_places_where_praisonai_is_overridden_are_still_there() -> None:
    """These are PraisonAI's own: when a release renames one, the override is dead code."""
    for name in (
        "_get_session_path",
        "_load_session",
        "_read_session_fresh",
        "_session_to_storage",
        "_save_imported_session",
        "_collect_lineage",
        "close_mirror",
    ):
        assert callable(getattr(PraisonAIStore, name)), name
    for name in ("_save_extended_session", "_load_extended_session", "fork_session"):
        assert callable(getattr(HierarchicalSessionStore, name)), name


RUNTIMES = st.sampled_from(["native", "plugin", ""])
TURNS = st.sampled_from(["turn-1", "turn-2"])
SESSIONS = st.sampled_from(["s-1", "a/b", "bot:7"])
TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
STATES = st.dictionaries(
    TEXT, st.none() | st.integers(-5, 5) | TEXT | st.lists(TEXT, max_size=2), max_size=3
)


def call(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(st.just(name), SESSIONS, st.tuples(*arguments))


CALLS = st.lists(
    st.one_of(
        call("set_runtime_state", RUNTIMES, TURNS, STATES),
        call("set_runtime_state", RUNTIMES, TURNS, STATES, st.booleans()),
        call("get_runtime_state", RUNTIMES, st.none() | TURNS),
        call("clear_runtime_state", st.none() | RUNTIMES),
        call("add_user_message", TEXT),
        call("add_assistant_message", TEXT),
        call("set_agent_info", TEXT, TEXT),
        call("rename_session", TEXT),
        call("clear_session"),
        call("delete_session"),
        call("session_exists"),
        call("get_chat_history"),
        call("invalidate_cache"),
    ),
    max_size=14,
)
LOOKS: list[tuple[str, Callable[[Any], Any]]] = [
    ("listed", lambda s: sorted(info["session_id"] for info in s.list_sessions())),
    ("found", lambda s: sorted(hit.session_id for hit in s.search("a"))),
    ("exported", lambda s: sorted(map(portable, s.export_all()["sessions"]))),
]


def portable(session: dict[str, Any]) -> str:
    """A session of an export as an import reads it, without times."""
    read = ExtendedSessionData.from_dict(session).to_dict()
    kept = {key: value for key, value in read.items() if key not in ("created_at", "updated_at")}
    for message in kept["messages"]:
        message.pop("timestamp")
    return json.dumps(kept, sort_keys=True)


@given(CALLS, st.sampled_from(["plain", "hierarchical"]))
@settings(max_examples=50, database=None)
def test_it_answers_as_praisonais_own_does(
    tmp_path_factory: pytest.TempPathFactory,
    calls: list[tuple[str, str, tuple[Any, ...]]],
    which: str,
) -> None:
    """Whatever the calls: same answers, same lists, same exports.

    What differs on purpose: states are checked, which these pass, and secrets replaced, which is
    off here; and a file that only holds an emptied state is not made by clearing nothing.
    """
    folder = tmp_path_factory.mktemp("both")
    theirs_kind, ours_kind = {
        "plain": (PraisonAIStore, JournalSessionStore),
        "hierarchical": (HierarchicalSessionStore, JournalHierarchicalSessionStore),
    }[which]
    theirs = theirs_kind(session_dir=str(folder / "theirs"))
    journal = DefaultSessionStore(folder / "ours", durability="os", redact=None)
    with ours_kind(session_dir=str(folder / "ours"), journal=journal) as ours:
        for name, session, arguments in calls:
            if name == "clear_runtime_state" and not theirs.session_exists(session):
                continue
            answer = getattr(ours, name)(session, *arguments)
            assert answer == getattr(theirs, name)(session, *arguments), name
        for what, look in LOOKS:
            assert look(ours) == look(theirs), what
        for session in ("s-1", "a/b", "bot:7"):
            expected = theirs.get_session(session).runtime_state
            shown = ours.get_session(session).runtime_state
            assert {r: t for r, t in expected.items() if t} == shown


# The journal's view, wherever PraisonAI shows runtime state


def test_sessions_exports_and_files_show_the_journals_view(
    store: JournalSessionStore, folder: Path
) -> None:
    """Also what somebody else has appended since the file was written."""
    assert store.set_runtime_state("s", "native", "turn-1", ONE)
    assert store.add_user_message("s", "hello")
    with DefaultSessionStore(folder, auto_compact=False) as other:
        for number in range(50):  # more than the file keeps up with
            other.set_runtime_state("s", "plugin", "turn-2", {"number": number})
        expected = {"native": {"turn-1": ONE}, "plugin": {"turn-2": {"number": 49}}}
        assert store.get_session("s").runtime_state == expected
        assert store.export_session("s")["sessions"][0]["runtime_state"] == expected
        assert store.export_all()["sessions"][0]["runtime_state"] == expected
        assert store.add_user_message("s", "once more")
        assert in_file(folder, "s") == expected
    assert [m["content"] for m in store.get_chat_history("s")] == ["hello", "once more"]


@BOTH_CLASSES
def test_a_session_file_that_is_behind_the_log_misleads_nobody(
    kind: type[JournalSessionStore], folder: Path
) -> None:
    """Whoever wrote the log last may have been killed before it came to the session file."""
    with kind(session_dir=str(folder)) as store:
        for session in ("first", "second"):
            assert store.update_session_metadata(session, lineage_id="line")
            assert store.set_runtime_state(session, "native", "turn-1", ONE)
    files = {path: path.read_bytes() for path in folder.glob("*.json")}
    with kind(session_dir=str(folder)) as store:
        held = store._load_session("first")
        extended: Any = getattr(store, "get_extended_session", store.get_session)
        assert extended("first").runtime_state == {"native": {"turn-1": ONE}}
        with DefaultSessionStore(folder) as other:
            other.set_runtime_state("first", "native", "turn-1", TWO)
        for path, content in files.items():
            path.write_bytes(content)
        newest = {"native": {"turn-1": TWO}}
        assert extended("first").runtime_state == newest
        assert store._load_session("first").runtime_state == newest
        assert store.get_session("first").runtime_state == newest
        exports = [store.export_all(), PraisonAIStore.export_session(store, "second")]
        for export in exports:
            states = {data["session_id"]: data["runtime_state"] for data in export["sessions"]}
            assert states == {"first": newest, "second": {"native": {"turn-1": ONE}}}
        held.runtime_state = {}
        assert store._save_session(held)
        assert in_file(folder, "first") == newest


@BOTH_CLASSES
def test_a_session_without_a_session_file_is_there_all_the_same(
    kind: type[JournalSessionStore], folder: Path
) -> None:
    looks: list[Callable[[Any], list[str]]] = [
        lambda store: [info["session_id"] for info in store.list_sessions()],
        lambda store: [data["session_id"] for data in store.export_all()["sessions"]],
    ]
    for look in looks:
        with kind(session_dir=str(folder)) as store:
            assert store.set_runtime_state("s", "native", "turn-1", ONE)
        (folder / "s.json").unlink()
        with kind(session_dir=str(folder)) as store:
            assert store.session_exists("s")
            payload = {"version": 1, "sessions": [{"session_id": "s"}]}
            assert store.import_sessions(payload).imported == 0, "it would be written over"
            assert look(store) == ["s"]
            assert in_file(folder, "s") == {"native": {"turn-1": ONE}}


@BOTH_CLASSES
def test_what_was_a_sessions_of_praisonai_goes_on_here(
    kind: type[JournalSessionStore], folder: Path
) -> None:
    theirs = PraisonAIStore(session_dir=str(folder))
    for session in ("plain", "bot:7/é"):  # the second under a name of PraisonAI's making
        assert theirs.add_user_message(session, "older")
        assert theirs.set_runtime_state(session, "native", "turn-1", ONE)
    with kind(session_dir=str(folder)) as store:
        for session in ("plain", "bot:7/é"):
            assert store.get_runtime_state(session, "native") == {"turn-1": ONE}
            assert store.add_user_message(session, "newer")
            assert store.set_runtime_state(session, "native", "turn-2", TWO)
            history = [message["content"] for message in store.get_chat_history(session)]
            assert history == ["older", "newer"]
        assert len(store.list_sessions()) == 2
    for session in ("plain", "bot:7/é"):
        found = PraisonAIStore(session_dir=str(folder)).get_session(session)
        assert found.runtime_state == {"native": {"turn-1": ONE, "turn-2": TWO}}
        assert [message.content for message in found.messages] == ["older", "newer"]


@pytest.mark.parametrize(("first", "second"), [("a/b", "a_b"), ("a_b", "a/b"), ("a.b", "a:b")])
def test_ids_that_praisonai_has_one_file_for_never_share_one(
    first: str, second: str, folder: Path
) -> None:
    """Also where PraisonAI has already made the file of one of them."""
    assert PraisonAIStore(session_dir=str(folder)).add_user_message(first, "of the first")
    for _ in range(2):  # the second time all files are there
        with JournalSessionStore(session_dir=str(folder)) as store:
            assert store.add_user_message(second, "of the second")
            assert store.set_runtime_state(first, "native", "turn-1", ONE)
            assert store.set_runtime_state(second, "native", "turn-1", TWO)
            assert {m["content"] for m in store.get_chat_history(first)} == {"of the first"}
            assert {m["content"] for m in store.get_chat_history(second)} == {"of the second"}
            assert store.get_session(first).runtime_state == {"native": {"turn-1": ONE}}
            assert store.get_session(second).runtime_state == {"native": {"turn-1": TWO}}
            assert sorted(s["session_id"] for s in store.list_sessions()) == sorted(
                (first, second)
            )
    with JournalSessionStore(session_dir=str(folder)) as store:
        assert store.delete_session(second)
        assert {m["content"] for m in store.get_chat_history(first)} == {"of the first"}
        assert not store.session_exists(second)


# Whole sessions


@BOTH_CLASSES
def test_deleting_a_session_deletes_its_log(kind: type[JournalSessionStore], folder: Path) -> None:
    with kind(session_dir=str(folder)) as store:
        for number in range(3):
            store.set_runtime_state("s", "native", "turn-1", {"number": number})
        store.journal.compact("s")
        assert store.add_user_message("s", "hello")
        assert store.delete_session("s")
        assert not store.session_exists("s")
        assert store.get_runtime_state("s", "native") == {}
        assert store.get_chat_history("s") == []
        assert {path.name for path in folder.rglob("*") if path.is_file()} <= {"s.json.lock"}
        assert store.delete_session("s"), "as PraisonAI: true also if there was none"


@BOTH_CLASSES
def test_an_import_brings_the_runtime_state_and_no_secret_of_it_to_the_disk(
    kind: type[JournalSessionStore],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = PraisonAIStore(session_dir=str(tmp_path / "theirs"))
    assert theirs.add_user_message("s", "hello")
    assert theirs.set_runtime_state("s", "native", "turn-1", {"note": f"key {KEY}"})
    payload = theirs.export_all()
    written: list[str] = []

    def write(self: PraisonAIStore, path: str, data: Any) -> bool:
        written.append(json.dumps(data))
        return bool(atomic_write(self, path, data))

    atomic_write = PraisonAIStore._atomic_write_json
    monkeypatch.setattr(PraisonAIStore, "_atomic_write_json", write)
    with kind(session_dir=str(folder)) as store:
        assert store.import_sessions(payload).imported == 1
        state = store.get_runtime_state("s", "native", "turn-1")
        assert KEY not in state["note"]
        assert state["note"].startswith("key [REDACTED:")
        assert store.import_sessions(payload).skipped_count == 1
    assert written
    assert not [text for text in written if KEY in text]
    assert all(KEY.encode() not in p.read_bytes() for p in folder.rglob("*") if p.is_file())
    assert payload["sessions"][0]["runtime_state"]["native"]["turn-1"]["note"] == f"key {KEY}"


def test_an_import_that_overwrites_replaces_the_runtime_state(store: JournalSessionStore) -> None:
    assert store.set_runtime_state("s", "native", "turn-1", ONE)
    assert store.add_user_message("s", "old")
    session = {
        "session_id": "s",
        "messages": [{"role": "user", "content": "new"}],
        "runtime_state": {"plugin": {"turn-2": TWO}},
    }
    payload = {"version": 1, "sessions": [session]}
    assert store.import_sessions(payload, overwrite=True).imported == 1
    assert store.get_session("s").runtime_state == {"plugin": {"turn-2": TWO}}
    assert [message["content"] for message in store.get_chat_history("s")] == ["new"]
    assert [v.state for v in store.journal.history("s", "native", "turn-1")] == [ONE, None]


@pytest.mark.parametrize("states", [{"native": {"t": {"n": float("nan")}}}, {"native": {"t": 7}}])
def test_an_import_whose_state_cannot_be_kept_is_reported_and_leaves_nothing(
    states: dict[str, Any], store: JournalSessionStore
) -> None:
    payload = {"version": 1, "sessions": [{"session_id": "s", "runtime_state": states}]}
    report = store.import_sessions(payload)
    assert report.imported == 0
    assert [skipped["session_id"] for skipped in report.skipped] == ["s"]
    assert "import error" in report.skipped[0]["reason"]
    assert not store.session_exists("s")


def test_an_import_looks_once_more_before_it_writes(store: JournalSessionStore) -> None:
    """Somebody may have begun the session meanwhile, with nothing but a log so far."""
    assert store.set_runtime_state("s", "native", "turn-1", ONE)
    (Path(store.session_dir) / "s.json").unlink()
    with pytest.raises(FileExistsError):
        store._save_imported_session(SessionData("s"), overwrite=False)
    assert store.get_runtime_state("s", "native") == {"turn-1": ONE}


@pytest.mark.parametrize("index", [None, 0])
def test_a_fork_has_the_runtime_state_and_goes_its_own_way(
    index: int | None, tree: JournalHierarchicalSessionStore, folder: Path
) -> None:
    for text in ("one", "two"):
        assert tree.add_user_message("parent", text)
    assert tree.set_runtime_state("parent", "native", "turn-1", ONE)
    fork = tree.fork_session("parent", from_message_index=index)
    assert tree.journal.has_log(fork)
    assert tree.get_session(fork).runtime_state == {"native": {"turn-1": ONE}}
    assert in_file(folder, fork) == {"native": {"turn-1": ONE}}
    assert tree.set_runtime_state(fork, "native", "turn-1", TWO)
    assert tree.get_runtime_state("parent", "native") == {"turn-1": ONE}
    assert tree.get_runtime_state(fork, "native") == {"turn-1": TWO}
    expected = ["one", "two"] if index is None else ["one"]
    assert [message["content"] for message in tree.get_chat_history(fork)] == expected
    assert tree.get_parent(fork) == "parent"
    assert tree.journal.verify(fork).ok
    child = tree.create_session(parent_id="parent")
    assert tree.get_session(child).runtime_state == {}, "a child that is no fork"


def test_a_fork_that_could_not_be_saved_leaves_no_log(
    tree: JournalHierarchicalSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tree.set_runtime_state("parent", "native", "turn-1", ONE)
    monkeypatch.setattr(
        tree, "_dump_session_json", lambda *_: (_ for _ in ()).throw(OSError("no room"))
    )
    with pytest.raises(OSError, match="Failed to save forked session"):
        tree.fork_session("parent")
    assert [info["session_id"] for info in tree.journal.list_sessions()] == ["parent"]


def test_exported_and_imported_again_a_session_of_the_tree_keeps_its_runtime_state(
    tree: JournalHierarchicalSessionStore,
) -> None:
    assert tree.add_user_message("s", "hello")
    assert tree.set_runtime_state("s", "native", "turn-1", ONE)
    assert tree.set_runtime_state("s", "native", "turn-1", TWO)
    copy = tree.import_session(tree.export_session("s"))
    assert tree.get_extended_session(copy).runtime_state == {"native": {"turn-1": TWO}}


def test_a_snapshot_that_is_reverted_to_leaves_the_runtime_state(
    tree: JournalHierarchicalSessionStore,
) -> None:
    """It is of what has happened, not of what was said: PraisonAI's own does the same."""
    assert tree.add_user_message("s", "one")
    assert tree.set_runtime_state("s", "native", "turn-1", ONE)
    snapshot = tree.create_snapshot("s")
    assert tree.add_user_message("s", "two")
    assert tree.set_runtime_state("s", "native", "turn-1", TWO)
    assert tree.revert_to_snapshot("s", snapshot)
    assert [message["content"] for message in tree.get_chat_history("s")] == ["one"]
    assert tree.get_session("s").runtime_state == {"native": {"turn-1": TWO}}


# PraisonAI's contract when something goes wrong


@pytest.mark.parametrize(
    "state", [{"when": datetime(2026, 1, 1)}, {"n": float("nan")}, {"a": {1}}]
)
def test_a_state_that_is_no_json_is_refused_with_a_line_in_the_log(
    state: dict[str, Any], store: JournalSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    assert store.set_runtime_state("s", "native", "turn-1", ONE)
    with caplog.at_level(logging.ERROR):
        assert store.set_runtime_state("s", "native", "turn-1", state) is False
    assert "Failed to set runtime state s: state." in caplog.text
    assert store.get_runtime_state("s", "native") == {"turn-1": ONE}


def test_keys_that_are_no_strings_become_strings_as_in_praisonais_own(
    store: JournalSessionStore, tmp_path: Path
) -> None:
    state: dict[Any, Any] = {7: "seven", True: {"inner": {2.5: None}}, None: ["x"]}
    theirs = PraisonAIStore(session_dir=str(tmp_path / "theirs"))
    for each in (theirs, store):
        assert each.set_runtime_state("s", "native", "turn-1", state)
    expected = theirs.get_runtime_state("s", "native", "turn-1")
    assert store.get_runtime_state("s", "native", "turn-1") == expected


def test_a_full_disk_fails_no_turn_and_keeps_what_was_there(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    full = False

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if full and name in ("write", "sync"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    journal = DefaultSessionStore(folder, storage=FaultyStorage(fault))
    with JournalSessionStore(session_dir=str(folder), journal=journal) as store:
        assert store.set_runtime_state("s", "native", "turn-1", ONE)
        full = True
        assert store.set_runtime_state("s", "native", "turn-1", TWO) is False
        assert store.clear_runtime_state("s") is False
        assert "No space left" in caplog.text
        assert store.add_user_message("s", "PraisonAI's own writes still work")
        assert store.get_runtime_state("s", "native") == {"turn-1": ONE}
        full = False
        assert store.set_runtime_state("s", "native", "turn-1", TWO)
        assert store.get_session("s").runtime_state == {"native": {"turn-1": TWO}}


@BOTH_CLASSES
def test_a_damaged_log_keeps_nobody_from_the_messages(
    kind: type[JournalSessionStore], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with kind(session_dir=str(folder)) as store:
        assert store.set_runtime_state("s", "native", "turn-1", ONE)
        assert store.add_user_message("s", "hello")
    (folder / "s.jsonl").write_bytes(b"this is no log\n")
    with kind(session_dir=str(folder)) as store:
        assert [message["content"] for message in store.get_chat_history("s")] == ["hello"]
        assert store.set_runtime_state("s", "native", "turn-2", TWO) is False
        assert store.get_runtime_state("s", "native") == {}
        assert store.add_user_message("s", "still there")
        assert in_file(folder, "s") == {"native": {"turn-1": ONE}}, "what the file had stays"
    assert (folder / "s.jsonl").read_bytes() == b"this is no log\n"
    assert "s.jsonl" in caplog.text


def test_a_corrupt_session_file_is_set_aside_by_praisonai_and_the_view_is_there_again(
    store: JournalSessionStore, folder: Path
) -> None:
    assert store.set_runtime_state("s", "native", "turn-1", ONE)
    (folder / "s.json").write_text('{"session_id": "s", "mess')
    assert store.get_session("s").runtime_state == {"native": {"turn-1": ONE}}
    assert store.add_user_message("s", "hello")
    assert in_file(folder, "s") == {"native": {"turn-1": ONE}}
    assert len(list(folder.glob("s.json.corrupt-*"))) == 1


def test_with_a_config_that_does_not_mirror_nothing_is_written(folder: Path) -> None:
    from journal import GatewayConfig

    journal = DefaultSessionStore(folder, config=GatewayConfig())
    with JournalSessionStore(session_dir=str(folder), journal=journal) as store:
        assert store.set_runtime_state("s", "native", "turn-1", ONE)
        assert not store.session_exists("s")


def test_two_processes_lose_nothing_of_each_other(folder: Path) -> None:
    """Messages and runtime state of one session, written from two processes at once."""

    def work(name: str) -> None:
        with JournalSessionStore(session_dir=str(folder), retention="keep_all") as store:
            for number in range(60):
                assert store.add_user_message("s", f"{name} {number}")
                assert store.set_runtime_state("s", name, f"turn-{number}", {"number": number})

    children = [fork(partial(work, name)) for name in ("one", "two")]
    assert [status_of(child) for child in children] == [0, 0]
    with JournalSessionStore(session_dir=str(folder), retention="keep_all") as store:
        contents = {message["content"] for message in store.get_chat_history("s")}
        assert contents == {f"{name} {number}" for name in ("one", "two") for number in range(60)}
        turns = {f"turn-{number}": {"number": number} for number in range(60)}
        assert store.get_session("s").runtime_state == {"one": turns, "two": turns}
        assert store.journal.verify("s").ok
