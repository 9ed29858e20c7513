"""Pruning a folder: what goes, what stays and why, and what else happens meanwhile."""

import json
import os
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from journal import Prune, SessionConfig
from projections import AsyncSessionStore, DefaultSessionStore
from projections.store.pruning.pruner import PruneReport
from projections.writers import Writers
from tests.journal.engines.cas.narrow import NarrowStore
from tests.projections.store.cas_store import CasStore
from tests.support import files_in

ALL = Prune(keep_last=0)
MEMORY = SessionConfig(persist=False, mirror_runtime_state=True)
STORES: dict[str, Callable[[Path], DefaultSessionStore]] = {
    "files": lambda folder: DefaultSessionStore(folder, durability="os"),
    "memory": lambda _: DefaultSessionStore(config=MEMORY),
    "compare and swap": lambda _: CasStore(NarrowStore()),
}


@pytest.fixture(params=STORES)
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> DefaultSessionStore:
    return STORES[request.param](tmp_path / "sessions")


@pytest.fixture
def store(tmp_path: Path) -> DefaultSessionStore:
    return STORES["files"](tmp_path)


def put(store: DefaultSessionStore, session: str, status: str = "completed") -> None:
    store.set_runtime_state(session, "native", "turn", {"status": status})
    if store.session_dir is not None:
        store.flush()


def went(report: PruneReport) -> list[str]:
    return [one.session_id for one in report.pruned]


def reasons(report: PruneReport) -> dict[str, str]:
    return {one.session_id: one.why for one in report.kept}


def ids(store: DefaultSessionStore) -> set[str]:
    return {info["session_id"] for info in store.list_sessions()}


def age(folder: Path, session: str, days: int) -> None:
    """Let all of a session be as old as that."""
    for path in folder.glob(f"{session}.*"):
        before = path.stat().st_mtime - days * 86_400
        os.utime(path, (before, before))


def test_the_last_changed_stay_and_the_others_are_gone(any_store: DefaultSessionStore) -> None:
    for session in ("a", "b", "c"):
        put(any_store, session)
    report = any_store.prune(Prune(keep_last=1))
    assert (went(report), report.kept, report.seen) == (["a", "b"], [], 3)
    assert ids(any_store) == {"c"}
    assert report.bytes > 0 < report.left
    assert any_store.get_runtime_state("a", "native") == {}
    put(any_store, "a")
    assert any_store.get_runtime_state("a", "native") == {"turn": {"status": "completed"}}


def test_a_dry_run_says_the_same_and_changes_nothing(any_store: DefaultSessionStore) -> None:
    for session in ("a", "b"):
        put(any_store, session)
    dry = any_store.prune(ALL, dry_run=True)
    assert ids(any_store) == {"a", "b"}
    assert any_store.prune(ALL) == dry


def test_sessions_with_more_to_come_stay_unless_forced(any_store: DefaultSessionStore) -> None:
    put(any_store, "open", "open")
    put(any_store, "waits", "waiting")
    put(any_store, "handed")
    any_store.hand_off("handed", "native", "codex")
    put(any_store, "answered")
    any_store.hand_off("answered", "native", "codex")
    any_store.take_over("answered", "codex")
    any_store.set_runtime_state("nested", "inner", "turn", {"status": "open"})
    any_store.set_runtime_state("nested", "native", "turn", {"status": "completed"})
    report = any_store.prune(ALL)
    assert went(report) == ["answered"]
    assert reasons(report) == {
        "open": "open_turn",
        "waits": "open_turn",
        "handed": "handed_off",
        "nested": "open_turn",
    }
    assert set(went(any_store.prune(ALL, force=True))) == reasons(report).keys()
    assert ids(any_store) == set()


def test_what_is_kept_is_made_up_for_by_the_next_ones(store: DefaultSessionStore) -> None:
    put(store, "open", "open")
    for session in ("a", "b", "c"):
        put(store, session)
    sizes = {
        one.session_id: one.bytes for one in store.prune(ALL, dry_run=True, force=True).pruned
    }
    report = store.prune(Prune(max_size=sizes["open"] + sizes["c"]))
    assert (went(report), reasons(report)) == (["a", "b"], {"open": "open_turn"})
    assert report.left == sizes["open"] + sizes["c"]


@pytest.mark.parametrize(
    ("ended", "said"), [(True, "has ended"), (False, "lives"), (None, "may live")]
)
def test_an_open_turn_keeps_its_session_and_what_is_known_of_its_writer_is_said(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch, ended: bool | None, said: str
) -> None:
    """A crash is what people come to look at."""
    put(store, "s", "open")
    monkeypatch.setattr(Writers, "has_ended", lambda *_: ended)
    (kept,) = store.prune(ALL).kept
    assert (kept.session_id, kept.why) == ("s", "open_turn")
    assert kept.reason.endswith(said)
    assert went(store.prune(ALL, force=True)) == ["s"]


def test_only_those_that_are_named_or_fit_are_looked_at(store: DefaultSessionStore) -> None:
    for session in ("test-1", "test-2", "other", "more"):
        put(store, session)
    report = store.prune(ALL, "other", matching="test-*")
    assert (set(went(report)), report.seen) == ({"test-1", "test-2", "other"}, 3)
    assert ids(store) == {"more"}


def test_older_is_since_the_last_change_of_log_or_session_file(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    for session in ("old", "new", "messages"):
        put(store, session)
    for session in ("old", "messages"):
        age(tmp_path, session, 40)
    os.utime(tmp_path / "messages.json")
    report = store.prune(Prune(older_than=timedelta(days=30)))
    assert (went(report), report.kept) == (["old"], [])


def test_a_session_file_under_praisonais_name_counts_as_well(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    praisonai = {"session_id": "user/1", "messages": [{"role": "user", "content": "hi"}]}
    (tmp_path / "user_1.json").write_text(json.dumps(praisonai))
    put(store, "user/1")
    old = (tmp_path / "user%2F1.jsonl").stat().st_mtime - 10 * 86_400
    os.utime(tmp_path / "user%2F1.jsonl", (old, old))
    week = Prune(older_than=timedelta(days=7))
    assert store.prune(week) == PruneReport(
        pruned=[], kept=[], seen=1, left=store.prune(week).left
    )
    os.utime(tmp_path / "user_1.json", (old, old))
    (gone,) = store.prune(week).pruned
    assert gone.messages == 1
    assert not (tmp_path / "user_1.json").exists()


def test_messages_of_praisonai_are_counted_and_its_own_sessions_stay(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    put(store, "s")
    file = json.loads((tmp_path / "s.json").read_text())
    (tmp_path / "s.json").write_text(json.dumps({**file, "messages": [{}, {}]}))
    (tmp_path / "theirs.json").write_text(json.dumps({**file, "session_id": "theirs"}))
    (gone,) = store.prune(ALL, force=True).pruned
    assert (gone.session_id, gone.messages) == ("s", 2)
    assert ids(store) == {"theirs"}


def test_the_size_is_that_of_all_files(store: DefaultSessionStore, tmp_path: Path) -> None:
    for number in range(50):
        store.set_runtime_state("s", "native", "turn", {"n": number, "text": "x" * 400})
    store.flush()
    store.compact("s")
    for number in range(50):
        store.set_runtime_state("s", "native", "turn", {"n": number, "text": "x" * 400})
    store.close()
    names = {name for name in files_in(tmp_path) if not name.endswith(".lock")}
    assert {Path(name).suffix for name in names} == {".gz", ".json", ".jsonl", ".snapshot"}
    size = sum((tmp_path / name).stat().st_size for name in names)
    with STORES["files"](tmp_path) as again:
        (gone,) = again.prune(ALL).pruned
    assert gone.bytes == size
    assert gone.archives == 1
    assert files_in(tmp_path) == set()


def test_only_the_history_goes_if_that_is_asked_for(any_store: DefaultSessionStore) -> None:
    for number in range(3):
        any_store.set_runtime_state("s", "native", "turn", {"status": "open", "n": number})
    any_store.compact("s")
    put(any_store, "never compacted")
    report = any_store.prune(Prune(keep_last=0, archives=True))
    assert report.kept == []
    if any_store.session_dir is not None:
        assert went(report) == ["s"]
        assert not list((Path(any_store.session_dir) / "archive").iterdir())
    assert any_store.get_runtime_state("s", "native", "turn")["n"] == 2
    assert any_store.verify("s").ok
    assert ids(any_store) == {"s", "never compacted"}


def test_what_changes_between_look_and_deletion_stays(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    for session in ("log", "file", "gone", "same"):
        put(store, session)
    plan = store.plan_prune(ALL)
    with DefaultSessionStore(tmp_path, durability="os") as other:
        other.set_runtime_state("log", "native", "more", {})
        other.delete_session("gone")
    file = json.loads((tmp_path / "file.json").read_text())
    (tmp_path / "file.json").write_text(json.dumps({**file, "messages": [{}]}))
    report = store.carry_out(plan)
    assert went(report) == ["same"]
    assert reasons(report) == {"log": "changed", "file": "changed", "gone": "changed"}
    assert ids(store) == {"log", "file"}
    assert json.loads((tmp_path / "file.json").read_text())["messages"] == [{}]


def test_whoever_holds_a_lock_is_not_waited_for(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    put(store, "log")
    put(store, "file")
    for name, session in (("log.jsonl", "log"), ("file.json.lock", "file")):
        with subprocess.Popen(
            ["flock", tmp_path / name, "-c", "echo; read _"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            assert reasons(store.prune(ALL, session)) == {session: "busy"}
            holder.communicate(b"\n")
    assert set(went(store.prune(ALL))) == {"log", "file"}


def test_what_cannot_be_read_stays_unless_forced(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    for session in ("log", "file"):
        put(store, session)
        put(store, session)
    store.close()
    lines = (tmp_path / "log.jsonl").read_bytes().split(b"\n")
    lines[1] = lines[1][:-9] + b'damaged"}'
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines))
    (tmp_path / "file.json").write_text("{")
    with STORES["files"](tmp_path) as again:
        assert reasons(again.prune(ALL)) == {"log": "damaged", "file": "unreadable"}
        assert set(went(again.prune(ALL, force=True))) == {"log", "file"}
    assert files_in(tmp_path) == set()


def test_what_forks_share_stays_until_they_go(store: DefaultSessionStore, tmp_path: Path) -> None:
    put(store, "s")
    store.fork("s", to="fork")
    put(store, "fork")
    report = store.prune(Prune(keep_last=1))
    assert (went(report), reasons(report)) == ([], {"s": "forked"})
    assert set(went(store.prune(ALL))) == {"fork", "s"}, "in one go"
    assert files_in(tmp_path) == set()


def test_an_origin_goes_after_a_fork_of_another_batch(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.store.pruning.pruner._AT_ONCE", 1)
    put(store, "s")
    store.fork("s", to="fork")
    store.fork("fork", to="fork of fork")
    for session in ("fork", "fork of fork"):
        put(store, session)
    report = store.prune(ALL)
    assert report.kept == []
    assert ids(store) == set()


def test_force_deletes_what_was_forked_and_the_fork_keeps_it(store: DefaultSessionStore) -> None:
    put(store, "s")
    store.fork("s", to="fork")
    put(store, "fork", "open")
    assert went(store.prune(ALL, "s", force=True)) == ["s"]
    assert store.verify("fork").ok
    assert [step.event.seq for step in store.replay("fork")] == [1, 2]


def test_an_open_session_has_nothing_left_to_write(store: DefaultSessionStore) -> None:
    store.set_runtime_state("s", "native", "turn", {"status": "completed"})
    store.prune(ALL)
    store.close()
    assert files_in(Path(store.session_dir or "")) == set()


async def prune_all(store: DefaultSessionStore) -> PruneReport:
    async with AsyncSessionStore(store) as asynchronous:
        waiting = asynchronous.set_runtime_state("s", "native", "turn", {"status": "completed"})
        report = await asynchronous.prune(ALL)
        await waiting
        return report


def test_an_event_loop_prunes_after_what_was_written(store: DefaultSessionStore) -> None:
    import asyncio

    assert went(asyncio.run(prune_all(store))) == ["s"]
