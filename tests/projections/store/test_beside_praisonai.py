"""Side by side with the real PraisonAI: one folder, two stores, nothing of either lost."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from praisonaiagents.session.store import DefaultSessionStore as PraisonAIStore

from projections import DefaultSessionStore
from tests.support import finish, forked

IDS = ["my-session", "user:42", "bot.telegram/7", "größe 日本", "e\u0301"]
LONG = [pytest.param("x" * 245, id="longest"), pytest.param("日" * 81, id="longest in UTF-8")]
SAME_FILE = [("a/b", "a_b"), ("a_b", "a/b"), ("a.b", "a/b"), ("e\u0301", "e_"), ("..", "__")]
CALL = {"id": "call-1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
THEIR_STATE = {"turn-2": {"calls": ["call-1"]}, "turn-1": {"text": "é"}}
OUR_STATE = {"calls": ["c-9"], "text": "日本"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRAISONAI_HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sessions"


def fill(folder: Path, session: str) -> None:
    """Everything that PraisonAI keeps in a session."""
    store = PraisonAIStore(session_dir=str(folder), active_window=6)
    assert store.set_agent_info(session, agent_name="Größe", user_id="u-1")
    assert store.set_gateway_info(session, gateway_session_id="gw-1", agent_id="a-1")
    for number in range(8):  # more than the window, so that some are archived
        assert store.add_user_message(session, f'question {number} \u2028 \\ " \0', {"n": number})
    assert store.add_message(session, "assistant", "", tool_calls=[CALL])
    assert store.add_message(session, "tool", "3", tool_call_id="call-1")
    assert store.append_compaction_checkpoint(session, "so far: sums", tokens_before=900)
    assert store.update_session_metadata(
        session, model="m-1", cost=0.1, nested={"b": [1], "a": {}}
    )
    assert store.rename_session(session, "Summen")
    for turn, state in THEIR_STATE.items():
        assert store.set_runtime_state(session, "native", turn, state)
    data = read(folder, session)
    assert data["archived_messages"]
    assert data["last_compaction"]


def read(folder: Path, session: str) -> dict[str, Any]:
    """A session as a PraisonAI that has nothing cached reads it."""
    payload = PraisonAIStore(session_dir=str(folder)).export_session(session)
    found: dict[str, Any] = payload["sessions"][0]
    return found


def ours(folder: Path) -> DefaultSessionStore:
    return DefaultSessionStore(folder, durability="os")


def without(data: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in keys}


@pytest.mark.parametrize("session", [*IDS, *LONG])
def test_a_session_of_praisonai_is_read_and_written_and_nothing_of_theirs_lost(
    session: str, folder: Path
) -> None:
    fill(folder, session)
    before = read(folder, session)
    with ours(folder) as store:
        assert list(store.get_runtime_state(session, "native").items()) == list(
            THEIR_STATE.items()
        )
        assert store.session_exists(session)
        assert [info["session_id"] for info in store.list_sessions()] == [session]
        assert store.set_runtime_state(session, "plugin", "turn-9", OUR_STATE)
        assert [info["session_id"] for info in store.list_sessions()] == [session]
    after = read(folder, session)
    changed = ("runtime_state", "updated_at")
    assert json.dumps(without(after, *changed)) == json.dumps(without(before, *changed))
    assert after["runtime_state"] == {"native": THEIR_STATE, "plugin": {"turn-9": OUR_STATE}}
    assert list(after["runtime_state"]["native"]) == list(THEIR_STATE)
    assert after["updated_at"] > before["updated_at"]


@pytest.mark.parametrize(("theirs", "other"), SAME_FILE)
def test_ids_for_which_praisonai_has_one_file_are_never_mixed(
    theirs: str, other: str, folder: Path
) -> None:
    fill(folder, theirs)
    before = read(folder, theirs)
    with ours(folder) as store:
        assert store.get_runtime_state(other, "native") == {}
        assert not store.session_exists(other)
        assert not store.delete_session(other)
        assert store.set_runtime_state(other, "native", "turn-1", OUR_STATE)
        assert store.get_runtime_state(other, "native") == {"turn-1": OUR_STATE}
        assert store.get_runtime_state(theirs, "native") == THEIR_STATE
        assert store.delete_session(other)
    assert read(folder, theirs) == before


@pytest.mark.parametrize(("theirs", "other"), SAME_FILE)
def test_both_ids_are_listed_when_praisonai_has_one_file_for_them(
    theirs: str, other: str, folder: Path
) -> None:
    fill(folder, theirs)
    with ours(folder) as store:
        store.set_runtime_state(other, "native", "turn-1", OUR_STATE)
        assert {info["session_id"] for info in store.list_sessions()} == {theirs, other}


def test_a_file_that_names_no_session_is_only_that_ids_whose_name_it_bears(folder: Path) -> None:
    folder.mkdir()
    (folder / "a_b.json").write_text(json.dumps({"runtime_state": {"native": THEIR_STATE}}))
    with ours(folder) as store:
        assert store.get_runtime_state("a_b", "native") == THEIR_STATE
        assert store.get_runtime_state("a/b", "native") == {}
        assert store.get_runtime_state("a.b", "native") == {}


@pytest.mark.parametrize("session", ["y" * 300, "日" * 100, "日" * 250], ids=["y", "日", "日日"])
def test_ids_too_long_for_praisonai_work_here(session: str, folder: Path) -> None:
    folder.mkdir()
    with ours(folder) as store:
        assert store.get_runtime_state(session, "native") == {}
        assert store.set_runtime_state(session, "native", "turn-1", OUR_STATE)
        store.flush()
    with ours(folder) as store:
        assert store.get_runtime_state(session, "native") == {"turn-1": OUR_STATE}
        assert [info["session_id"] for info in store.list_sessions()] == [session]


def test_praisonai_reads_what_we_set_and_that_we_cleared(folder: Path) -> None:
    theirs = PraisonAIStore(session_dir=str(folder))
    with ours(folder) as store:
        store.set_runtime_state("my-session", "native", "turn-1", OUR_STATE)
        assert theirs.get_runtime_state("my-session", "native", "turn-1") == OUR_STATE
        store.set_runtime_state("my-session", "plugin", "turn-1", OUR_STATE)
        store.clear_runtime_state("my-session", "native")
        store.flush()
        assert theirs.get_runtime_state("my-session", "native") == {}
        assert theirs.get_runtime_state("my-session", "plugin") == {"turn-1": OUR_STATE}
        store.clear_runtime_state("my-session")
        store.flush()
        assert theirs.get_runtime_state("my-session", "plugin") == {}


@pytest.mark.parametrize("session", ["my-session", "user:42"])
def test_taking_turns_loses_nothing_of_either(session: str, folder: Path) -> None:
    theirs = PraisonAIStore(session_dir=str(folder))
    with ours(folder) as store:
        for number in range(20):
            assert theirs.add_user_message(session, f"question {number}")
            assert store.set_runtime_state(session, "native", f"turn-{number}", {"n": number})
            assert theirs.update_session_metadata(session, **{f"key-{number}": number})
        store.flush()
        assert theirs.add_user_message(session, "the last")
    data = read(folder, session)
    contents = [message["content"] for message in data["messages"]]
    assert contents == [*(f"question {number}" for number in range(20)), "the last"]
    assert data["metadata"] == {f"key-{number}": number for number in range(20)}
    assert data["runtime_state"] == {"native": {f"turn-{n}": {"n": n} for n in range(20)}}


def test_two_processes_at_the_same_time_lose_nothing_of_either(folder: Path) -> None:
    fill(folder, "my-session")
    code = """
import sys
from praisonaiagents.session.store import DefaultSessionStore
store = DefaultSessionStore(session_dir=sys.argv[1], retention="keep_all")
print("ready", flush=True)
for number in range(100):
    assert store.add_user_message("my-session", f"message {number}")
"""
    process = forked(code, str(folder))
    assert process.stdout is not None
    process.stdout.readline()
    sets = 0
    with ours(folder) as store:
        while process.poll() is None:
            turn = f"turn-{sets % 50}"
            assert store.set_runtime_state("my-session", "plugin", turn, {"number": sets})
            sets += 1
        finish([process])
    assert sets >= 100, "they hardly met"
    data = read(folder, "my-session")
    contents = [message["content"] for message in data["messages"]]
    assert contents[-100:] == [f"message {number}" for number in range(100)]
    last = {f"turn-{n % 50}": {"number": n} for n in range(sets)}
    assert data["runtime_state"] == {"native": THEIR_STATE, "plugin": last}
    with ours(folder) as store:
        assert store.get_runtime_state("my-session", "plugin") == last
        assert store.verify("my-session").ok


def test_praisonai_lists_exports_imports_and_deletes_our_sessions(
    folder: Path, tmp_path: Path
) -> None:
    with ours(folder) as store:
        store.set_runtime_state("my-session", "native", "turn-1", OUR_STATE)
    theirs = PraisonAIStore(session_dir=str(folder))
    assert [info["session_id"] for info in theirs.list_sessions()] == ["my-session"]
    copy = PraisonAIStore(session_dir=str(tmp_path / "copy"))
    assert copy.import_sessions(theirs.export_all()).imported == 1
    assert copy.get_runtime_state("my-session", "native") == {"turn-1": OUR_STATE}
    with ours(tmp_path / "copy") as store:
        assert store.get_runtime_state("my-session", "native") == {"turn-1": OUR_STATE}
    assert theirs.delete_session("my-session")
    assert theirs.list_sessions() == []
    with ours(folder) as store:  # the log is the truth, the file is made again
        assert store.get_runtime_state("my-session", "native") == {"turn-1": OUR_STATE}
        store.set_runtime_state("my-session", "native", "turn-2", OUR_STATE)
    both = {"turn-1": OUR_STATE, "turn-2": OUR_STATE}
    assert theirs.get_runtime_state("my-session", "native") == both


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
RUNTIMES = st.sampled_from(["native", "plugin", "", "é.\u2028/"])
TURNS = st.sampled_from(["turn-1", "turn-2", "", "\0"])
SET = st.tuples(
    st.just("set_runtime_state"),
    st.tuples(RUNTIMES, TURNS, st.dictionaries(st.text(max_size=4), JSON, max_size=3)),
)
GET = st.tuples(st.just("get_runtime_state"), st.tuples(RUNTIMES, st.none() | TURNS))
CLEAR = st.tuples(st.just("clear_runtime_state"), st.tuples(st.none() | RUNTIMES))


@given(st.lists(SET | SET | GET | CLEAR, max_size=12))
@settings(database=None)
def test_the_three_methods_answer_as_praisonais_do(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[str, tuple[Any, ...]]]
) -> None:
    folder = tmp_path_factory.mktemp("stores")
    theirs = PraisonAIStore(session_dir=str(folder / "theirs"))
    reads = [
        ("get_runtime_state", (runtime,)) for runtime in ("native", "plugin", "", "é.\u2028/")
    ]
    with DefaultSessionStore(folder / "ours", durability="os", redact=None) as store:
        for name, arguments in [*calls, *reads]:
            answer = getattr(store, name)("s", *arguments)
            expected = getattr(theirs, name)("s", *arguments)
            assert json.dumps(answer) == json.dumps(expected)  # also tells 1 from True, and order
