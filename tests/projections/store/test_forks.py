"""`store.fork`: where a session can be forked, and what a fork is like in the store's methods."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from journal import (
    Cursor,
    CursorError,
    ExistsError,
    ForkedError,
    Head,
    NotFoundError,
    SessionConfig,
    StateTypeError,
    StateValueError,
)
from journal.engines.files.storage import DiskStorage
from projections import AsyncSessionStore, DefaultSessionStore
from projections.backup import back_up
from projections.store.forks import ForkAt


@pytest.fixture(params=["files", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> DefaultSessionStore:
    if request.param == "files":
        return DefaultSessionStore(tmp_path, durability="os")
    config = SessionConfig(persist=False, mirror_runtime_state=True)
    return DefaultSessionStore(config=config)


def write(store: DefaultSessionStore, session: str, *turns: str) -> None:
    for number, turn in enumerate(turns):
        store.set_runtime_state(session, "native", turn, {"of": session, "n": number})


def turns(store: DefaultSessionStore, session: str) -> list[str]:
    return list(store.get_runtime_state(session, "native"))


def test_a_point_is_given_in_any_form(store: DefaultSessionStore) -> None:
    write(store, "s", "a", "b", "c")
    steps = list(store.replay("s"))
    second, head = steps[1].event, store.head("s")
    moment = datetime.fromisoformat(second.ts)
    points: dict[ForkAt | None, int] = {
        2: 2,
        "2": 2,
        0: 0,
        second.ts: 2,
        moment: 2,
        moment + timedelta(hours=1): 3,
        datetime(2020, 1, 1, tzinfo=UTC): 0,
        head: 3,
        str(head): 3,
        Cursor.at(head.log_id, 2, second.hash): 2,
        str(Cursor.at(head.log_id, 2, second.hash)): 2,
        f"{head.log_id}:1": 1,
        None: 3,
    }
    for number, (point, seq) in enumerate(points.items()):
        made = store.fork("s", to=f"f{number}", at=point)
        assert made.seq == seq, point
        assert turns(store, f"f{number}") == ["a", "b", "c"][:seq]


def test_what_is_no_point_is_refused(store: DefaultSessionStore) -> None:
    write(store, "s", "a")
    for wrong, error in (
        (-1, StateValueError),
        (True, StateTypeError),
        (1.5, StateTypeError),
        ("soon", StateValueError),
        (2, NotFoundError),
        (Head("0" * 16, 1, "0" * 32), CursorError),
    ):
        with pytest.raises(error):
            store.fork("s", to="f", at=wrong)  # type: ignore[arg-type]
    assert not store.session_exists("f")


def test_no_session_is_replaced(store: DefaultSessionStore) -> None:
    write(store, "s", "a")
    write(store, "f", "mine")
    with pytest.raises(ExistsError, match="'f'"):
        store.fork("s", to="f")
    with pytest.raises(NotFoundError):
        store.fork("nowhere", to="g")
    assert turns(store, "f") == ["mine"]


def test_looking_back_goes_across_the_border(store: DefaultSessionStore) -> None:
    write(store, "s", "a", "b")
    store.hand_off("s", "native", "codex", reason="why")
    store.take_over("s", "codex")
    store.fork("s", to="f")
    store.set_runtime_state("f", "codex", "a", {"mine": 1})
    write(store, "s", "c")
    assert [step.event.seq for step in store.replay("f")] == [1, 2, 3, 4, 5]
    assert list(store.state_at("f", 2)["native"]) == ["a", "b"]
    assert [version.event.seq for version in store.history("f", "native", "b")] == [2]
    (change,) = store.audit("f").changes
    assert (change.source, change.target) == ("native", "codex")
    assert store.verify("f").ok
    origin = store.origin("f")
    assert origin is not None
    assert (origin.session_id, origin.seq) == ("s", 4)
    assert store.origin("s") is None


def test_an_open_handoff_is_answered_in_the_fork_and_not_in_its_origin(
    store: DefaultSessionStore,
) -> None:
    write(store, "s", "a")
    store.hand_off("s", "native", "codex")
    store.fork("s", to="f")
    store.take_over("f", "codex")
    assert [change.status for change in store.audit("f").changes] == ["taken over"]
    assert [change.status for change in store.audit("s").changes] == ["pending"]


def test_retries_and_expected_heads(store: DefaultSessionStore) -> None:
    assert store.append_once("job", "s", "native", "a", {})
    head = store.fork("s", to="f")
    assert not store.append_once("job", "f", "native", "a", {})
    assert store.head("f") == head
    assert store.set_runtime_state("f", "native", "b", {}, expect=head)
    assert store.append_once("other", "f", "native", "c", {})
    assert store.append_once("other", "s", "native", "c", {})


def test_a_session_that_was_forked_is_deleted_with_force(store: DefaultSessionStore) -> None:
    write(store, "s", "a")
    store.fork("s", to="f")
    with pytest.raises(ForkedError, match="'f'"):
        store.delete_session("s")
    assert turns(store, "s") == ["a"]
    assert store.delete_session("s", force=True)
    assert turns(store, "f") == ["a"]
    assert store.delete_session("f")
    assert list(store.list_sessions()) == []


def test_a_tail_of_everything_sees_a_fork_from_its_first_event(
    store: DefaultSessionStore,
) -> None:
    write(store, "s", "a", "b")
    with store.tail("f", from_start=True) as tail:
        store.fork("s", to="f")
        write(store, "f", "c")
        seen = [next(tail).event.turn_id for _ in range(3)]
    assert seen == ["a", "b", "c"]


def test_a_summary_of_a_fork_is_that_of_all_its_events(store: DefaultSessionStore) -> None:
    write(store, "s", "a", "b")
    store.fork("s", to="f")
    write(store, "f", "c")
    (info,) = (info for info in store.list_sessions() if info["session_id"] == "f")
    summary = store.summary(info)
    assert (summary.events, summary.turns) == (3, 3)


def test_messages_stay_with_the_origin_and_the_fork_gets_a_file_of_its_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "s.json").write_text(json.dumps({"session_id": "s", "messages": [{"a": 1}]}))
    with DefaultSessionStore(tmp_path) as store:
        write(store, "s", "a")
        store.fork("s", to="f")
        assert not (tmp_path / "f.json").exists()
        write(store, "f", "b")
    document = json.loads((tmp_path / "f.json").read_text())
    assert list(document["runtime_state"]["native"]) == ["a", "b"]
    assert not document.get("messages")


def test_what_only_praisonai_keeps_is_neither_forked_nor_replaced(tmp_path: Path) -> None:
    kept = {"session_id": "p", "runtime_state": {"native": {"a": {}}}}
    (tmp_path / "p.json").write_text(json.dumps(kept))
    with DefaultSessionStore(tmp_path) as store:
        with pytest.raises(NotFoundError, match="has no log yet"):
            store.fork("p", to="f")
        write(store, "s", "a")
        with pytest.raises(ExistsError):
            store.fork("s", to="p")


def test_a_store_whose_session_was_open_while_another_forked_it(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path) as one, DefaultSessionStore(tmp_path) as two:
        write(one, "s", "a")
        assert turns(two, "f") == []
        one.fork("s", to="f")
        write(two, "f", "b")
        assert turns(two, "f") == ["a", "b"]
        assert turns(one, "f") == ["a", "b"]


def test_a_backup_has_forks_whole_and_nothing_that_their_origins_wrote_since(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "own"
    with DefaultSessionStore(folder) as store:
        write(store, "s", "a", "b")
        store.fork("s", to="f")
        store.set_runtime_state("s", "native", "later", {"word": "since-then"})
        store.fork("f", to="g", at=1)
    backup = back_up(DiskStorage(), str(folder), str(tmp_path / "some"), ["f", "g"])
    assert backup.ok, backup.reports
    for path in (tmp_path / "some").rglob("*"):
        assert not path.is_file() or b"since-then" not in path.read_bytes()
    whole = back_up(DiskStorage(), str(folder), str(tmp_path / "all"))
    assert whole.ok
    with DefaultSessionStore(tmp_path / "all") as copy:
        assert (turns(copy, "f"), turns(copy, "g")) == (["a", "b"], ["a"])
        with pytest.raises(ForkedError):
            copy.delete_session("s")


def test_event_loops(tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncSessionStore(DefaultSessionStore(tmp_path)) as store:
            writing = store.set_runtime_state("s", "native", "a", {})
            head = await store.fork("s", to="f")
            assert await writing
            assert head.seq == 1, "what was called for before is in it"
            assert await store.set_runtime_state("f", "native", "b", {})
            assert list(await store.get_runtime_state("f", "native")) == ["a", "b"]
            origin = await store.origin("f")
            assert origin is not None
            assert origin.session_id == "s"
            with pytest.raises(ForkedError):
                await store.delete_session("s")
            assert await store.delete_session("s", force=True)

    asyncio.run(main())


def test_two_folders_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path / "a") as one, DefaultSessionStore(tmp_path / "b") as two:
        write(one, "s", "a")
        with pytest.raises(NotFoundError):
            two.fork("s", to="f")
    assert "f.jsonl" not in os.listdir(tmp_path / "a")
