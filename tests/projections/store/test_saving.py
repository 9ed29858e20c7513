"""What a store saves of its sessions, so that the next one need not read their logs."""

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.config import Limits, SessionConfig
from journal.engines.files import backwards, resuming
from journal.engines.files import reader as readers
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.errors import JournalError, ReadError
from journal.reports import SessionInfo
from projections import DefaultSessionStore, resolving
from projections.refs import Ref
from projections.store import refreshing, summaries
from projections.store.folded import FoldedSession
from projections.summary import OtherTurn
from tests.support import FaultyStorage, fails, files_in, finish_maintenance

LONG = "x" * 2000
SHORT = {"n": 1}


def store_at(folder: Path, **options: Any) -> DefaultSessionStore:
    limits = Limits(turn_bytes=1 << 24, runtime_bytes=1 << 30)
    return DefaultSessionStore(
        folder, durability="os", auto_compact=False, limits=limits, **options
    )


def fill(store: DefaultSessionStore, turns: int = 10, session: str = "s") -> None:
    """More than 2 KiB a turn."""
    store.set_many(session, [("native", f"t{n}", {"n": n, "text": LONG}) for n in range(turns)])


def info_of(store: DefaultSessionStore, session: str = "s") -> SessionInfo:
    (info,) = [info for info in store.list_sessions() if info["session_id"] == session]
    return info


@pytest.mark.parametrize("end", ["close", "flush", "refresh_session_file", "compact"])
def test_the_end_of_work_on_a_session_saves_it(tmp_path: Path, end: str) -> None:
    with store_at(tmp_path) as store:
        store.set_runtime_state("s", "native", "t", SHORT)
        store._sessions.get("s").refresher._not_before = math.inf  # not after a set
        fill(store)
        assert not (tmp_path / "s.snapshot").exists()
        if end != "close":
            getattr(store, end)(*(() if end == "flush" else ("s",)))
            assert (tmp_path / "s.snapshot").exists()
    assert (tmp_path / "s.snapshot").exists()


def test_a_compaction_saves_anew(tmp_path: Path) -> None:
    """Also by a process that has not opened the session: `journal compact`."""
    with store_at(tmp_path) as store:
        for _ in range(2):
            fill(store)
    with store_at(tmp_path) as store:
        store.compact("s", "drop")
    with store_at(tmp_path) as store:
        assert store._backend.saved_summary("s") is not None


def test_a_short_log_is_not_saved(tmp_path: Path) -> None:
    """It is read as soon."""
    with store_at(tmp_path) as store:
        fill(store, 3)
    assert files_in(tmp_path) == {"s.jsonl", "s.json"}


def test_who_only_reads_saves_nothing(tmp_path: Path) -> None:
    with store_at(tmp_path) as store:
        fill(store)
    (tmp_path / "s.snapshot").unlink()
    with store_at(tmp_path) as store:
        assert store.get_runtime_state("s", "native", "t1")["n"] == 1
        store.summary(info_of(store))
        store.flush()
    assert not (tmp_path / "s.snapshot").exists()


def test_what_is_kept_in_memory_is_not_saved(tmp_path: Path) -> None:
    with DefaultSessionStore(
        config=SessionConfig(persist=False, mirror_runtime_state=True)
    ) as store:
        fill(store)
        store.flush()
        store.compact("s")
        assert store.summary(info_of(store)).turns == 10


def test_a_session_of_which_little_changed_is_not_saved_again(tmp_path: Path) -> None:
    """A sixteenth of the view, or 8 KiB: to read so much costs less than to save all."""
    with store_at(tmp_path) as store:
        fill(store, 400)
        store.flush()
        before = (tmp_path / "s.snapshot").stat().st_mtime_ns
        store.set_runtime_state("s", "native", "t0", {"text": LONG * 10})
        store.flush()
        assert (tmp_path / "s.snapshot").stat().st_mtime_ns == before
        store.set_runtime_state("s", "native", "t0", {"text": LONG * 30})
        store.flush()
        assert (tmp_path / "s.snapshot").stat().st_mtime_ns > before


def test_a_session_that_is_written_for_long_is_saved_now_and_then(tmp_path: Path) -> None:
    """In the background: a program that is killed has closed nothing."""
    with store_at(tmp_path) as store:
        for number in range(900):
            store.set_runtime_state("s", "native", f"t{number % 40}", {"text": LONG})
            if not number % 100:
                finish_maintenance(store)
                store._sessions.get("s").refresher._not_before = 0.0
        finish_maintenance(store)
        assert (tmp_path / "s.snapshot").exists()


def test_a_session_whose_session_file_is_somebody_elses_is_saved_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with store_at(tmp_path) as store:
        fill(store)
        store.flush()
        (tmp_path / "s.snapshot").unlink()
        (tmp_path / "s.json").write_text("not JSON")
        fill(store)
    assert "s.json: is not JSON" in caplog.text
    assert (tmp_path / "s.snapshot").exists()


def test_a_full_disk_keeps_a_session_from_being_saved_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def full(name: str, args: tuple[Any, ...]) -> None:
        if name == "open" and args[0].endswith(".snapshot.new"):
            fails("open", 28)(name, args)

    with store_at(tmp_path, storage=FaultyStorage(full)) as store:
        fill(store)
        store.flush()
    assert files_in(tmp_path) == {"s.jsonl", "s.json"}
    assert caplog.records == []


# The same as reading all of it


@pytest.fixture
def _everything_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in [
        (resuming, "SHORT"),
        (readers, "SHORT"),
        (backwards, "_SHORT"),
        (refreshing, "LEAST_TO_SAVE"),
        (refreshing, "_SAVED_SHARE"),
        (summaries, "LEAST_TO_SAVE"),
        (resolving, "_BEFORE_SAVED"),
    ]:
        monkeypatch.setattr(module, name, 1 << 30 if name == "_SAVED_SHARE" else 0)


RUNTIMES, TURNS = st.sampled_from("ab"), st.sampled_from(["t1", "t2", "t3"])
STATES = st.fixed_dictionaries(
    {"n": st.integers(0, 9)},
    optional={
        "status": st.sampled_from(["open", "completed", "x" * 99]),
        "transcript": st.lists(
            st.fixed_dictionaries(
                {
                    "role": st.sampled_from(["user", "assistant"]),
                    "content": st.sampled_from(["Why?", "a\n b " * 99, 7]),
                }
            ),
            max_size=2,
        ),
    },
)
STEPS: st.SearchStrategy[Callable[[DefaultSessionStore], object]] = st.one_of(
    st.builds(
        lambda *turn: lambda store: store.set_runtime_state("s", *turn), RUNTIMES, TURNS, STATES
    ),
    st.sampled_from(
        [lambda store: store.hand_off("s", *"ab"), lambda store: store.hand_off("s", *"ba")]
    ),
    st.builds(lambda runtime: lambda store: store.take_over("s", runtime), RUNTIMES),
    st.builds(lambda runtime: lambda store: store.clear_runtime_state("s", runtime), RUNTIMES),
    st.just(lambda store: store.flush()),
    st.just(lambda store: store.compact("s")),
)


@pytest.mark.usefixtures("_everything_is_long")
@given(st.lists(STEPS, max_size=9), st.lists(STEPS, max_size=3))
def test_summaries_and_turns_are_what_the_log_says(
    steps: list[Callable[[DefaultSessionStore], object]],
    more: list[Callable[[DefaultSessionStore], object]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with store_at(folder) as store:
            store.set_runtime_state("s", "a", "t1", SHORT)
            for step in steps:
                step(store)
        with store_at(folder) as store:
            check_summary(store, folder)
            for step in more:
                step(store)
            check_summary(store, folder)
            check_turns(store)


def check_summary(store: DefaultSessionStore, folder: Path) -> None:
    """That of what was saved is that of the log, which a process folds that never closed it."""
    found = store.summary(info_of(store))
    whole = FoldedSession()
    log = Directory(str(folder), LogOptions("os")).open("s", Whole(whole))
    log.refresh()
    assert log.head is not None
    assert found == whole.freeze().sum_up(log.head.seq)
    assert found.turns == sum(map(len, store.state_at("s").values()))
    log.close()


class Whole:
    """A folded session that is read from the beginning of its log."""

    def __init__(self, folded: FoldedSession) -> None:
        self.fold, self.reset = folded.fold, folded.reset


def check_turns(store: DefaultSessionStore) -> None:
    view = store.state_at("s")
    for runtime in "ab":
        for turn in ("t1", "t2", "t3"):
            try:
                found = store.resolve("s", Ref(runtime, turn))
            except JournalError:
                found = None
            assert found == view.get(runtime, {}).get(turn)


# What a summary says


def test_a_summary_says_who_has_the_session_how_it_began_and_what_is_wrong(tmp_path: Path) -> None:
    with store_at(tmp_path) as store:
        asked = [{"role": "user", "content": "Why is\nmy bill  so high?" + LONG}]
        store.set_runtime_state("s", "a", "t1", {"transcript": asked, "status": "open"})
        store.hand_off("s", "a", "b")
        store.set_runtime_state("s", "a", "t1", {"transcript": asked, "status": "completed"})
        store.take_over("s", "b")
        store.set_runtime_state("s", "b", "t2", {"status": "waiting"})
        store.set_runtime_state("s", "c", "t3", {"status": "open"})
        found = store.summary(info_of(store))
    assert found.first_words.startswith("Why is my bill so high?xxx")
    assert len(found.first_words) <= 200
    assert (found.owner, found.turn_id, found.status) == ("c", "t3", "open")
    assert (found.events, found.runtimes, found.turns, found.findings) == (6, 3, 3, 2)
    assert found.problem is None


def recorded(status: str, **more: Any) -> dict[str, Any]:
    """A recorded turn that is longer than what is read as soon as a summary."""
    parts = [{"type": "image"}, {"type": "text", "text": "Why is my\nbill so high?"}]
    return {
        "turn": 1,
        "agent": "triage",
        "status": status,
        "opened_at": "2026-11-22T10:00:00Z",
        "transcript": [{"role": "user", "content": parts}],
        "fill": LONG * 5,
        **more,
    }


CALLS = [
    {"id": "1", "name": "charge_card", "status": "waiting"},
    {"id": "2", "name": "look_up", "status": "completed"},
    {"id": "3", "name": "charge_card", "status": "waiting"},
    {"id": "4", "name": "send_mail", "status": "waiting"},
]


def test_a_summary_says_of_the_owners_turn_who_wrote_it_and_what_it_waits_for(
    tmp_path: Path,
) -> None:
    with store_at(tmp_path, writer="box:7") as store:
        store.set_runtime_state("s", "a", "t", recorded("requires_action", tool_calls=CALLS))
    with store_at(tmp_path) as store:
        assert store._backend.saved_summary("s") is not None
        found = store.summary(info_of(store))
        (step,) = store.replay("s")
    assert (found.status, found.agent) == ("requires_action", "triage")
    assert found.opened_at == "2026-11-22T10:00:00Z"
    assert (found.writer, found.written_at) == ("box:7", step.event.ts)
    assert found.waits_for == ("charge_card", "send_mail")
    assert (found.is_imported, found.handed_to) == (False, None)
    assert found.first_words == "Why is my bill so high?", "the text among the parts"


def test_a_summary_names_the_turns_of_others_that_may_be_open(tmp_path: Path) -> None:
    """What each wrote last: with who wrote it, from what was saved too."""
    with store_at(tmp_path, writer="box:7") as store:
        store.set_runtime_state("s", "a", "t1", recorded("open"))
        store.set_runtime_state("s", "a", "t2", recorded("running"))
        store.set_runtime_state("s", "b", "t", recorded("completed"))
        store.set_runtime_state("s", "c", "t", recorded("open", source={}))
        store.set_runtime_state("s", "d", "t", {"no": "status"})
        store.set_runtime_state("s", "e", "t", recorded("open"))
        written = [step.event.ts for step in store.replay("s")]
    expected = (OtherTurn("a", "t2", "running", "box:7", written[1]),)
    with store_at(tmp_path) as store:
        assert store._backend.saved_summary("s") is not None
        found = store.summary(info_of(store))
        assert (found.owner, found.turn_id, found.others) == ("e", "t", expected)
        store.clear_runtime_state("s", "a")
        assert store.summary(info_of(store)).others == ()
        store.take_over("s", "b")
        found = store.summary(info_of(store))
    assert (found.owner, found.turn_id) == ("b", None)
    assert [(turn.runtime_id, turn.turn_id) for turn in found.others] == [("e", "t")]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"messages": [{"role": "user", "content": "Hello"}]}, "Hello"),
        ({"transcript": [], "messages": [{"role": "user", "content": "Hello"}]}, "Hello"),
        ({"transcript": [{"role": "user", "content": ""}, {"role": "user", "content": "a"}]}, "a"),
        ({"transcript": [{"role": "assistant", "content": "Hello"}, "x", None]}, ""),
        ({"transcript": [{"role": "user", "content": [{"text": 7}, "x"]}]}, ""),
        ({"transcript": "Hello", "messages": {"role": "user"}}, ""),
    ],
)
def test_the_first_words_are_a_persons(tmp_path: Path, state: Any, words: str) -> None:
    with store_at(tmp_path) as store:
        store.set_runtime_state("s", "a", "t", state)
        assert store.summary(info_of(store)).first_words == words


def test_a_turn_that_does_not_wait_waits_for_nothing(tmp_path: Path) -> None:
    with store_at(tmp_path) as store:
        store.set_runtime_state("s", "a", "t", recorded("open", tool_calls=CALLS, source={}))
        store.hand_off("s", "a", "b")
        found = store.summary(info_of(store))
    assert (found.waits_for, found.is_imported, found.handed_to) == ((), True, "b")


@pytest.mark.parametrize(("status", "is_read"), [("open", True), ("completed", False)])
def test_what_an_earlier_version_has_saved_is_read_again_if_the_turn_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str, is_read: bool
) -> None:
    """It says nothing of the writer. Of a turn that is over, nobody asks for it."""
    with store_at(tmp_path) as store:
        store.set_runtime_state("s", "a", "t", recorded(status))
    with store_at(tmp_path) as store:
        saved = store._backend.saved_summary("s")
        assert saved is not None
        whole = msgspec.json.decode(saved)
        new = "writer", "written_at", "agent", "opened_at", "waits_for", "is_imported", "handed_to"
        old = msgspec.json.encode({key: whole[key] for key in whole.keys() - set(new)})
        monkeypatch.setattr(store._backend, "saved_summary", lambda session_id: old)
        found = store.summary(info_of(store))
    assert found.status == status
    assert found.first_words == "Why is my bill so high?"
    assert (found.opened_at is not None) == is_read


def test_a_session_that_praisonai_keeps_is_summed_up_as_it_will_be_imported(
    tmp_path: Path,
) -> None:
    (tmp_path / "s.json").write_text(
        '{"session_id": "s", "runtime_state": {"a": {"t": {"status": "open"}}}}'
    )
    (tmp_path / "empty.json").write_text('{"session_id": "empty", "messages": []}')
    with store_at(tmp_path) as store:
        found = store.summary(info_of(store))
        nothing = store.summary(info_of(store, "empty"))
    assert (found.events, found.turns, found.owner, found.status) == (0, 1, "a", "open")
    assert (nothing.events, nothing.turns, nothing.owner) == (0, 0, None)


@pytest.mark.parametrize("turns", [2, 10])
def test_a_damaged_session_is_summed_up_and_its_damage_reported(
    tmp_path: Path, turns: int
) -> None:
    """A short log, and one that would be saved if it were whole."""
    with store_at(tmp_path) as store:
        fill(store, turns)
    for path in (tmp_path / "s.snapshot", tmp_path / "s.json"):
        path.unlink(missing_ok=True)
    log = tmp_path / "s.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"t0"', b'"tx"'))
    with store_at(tmp_path) as store:
        found = store.summary(info_of(store))
    assert (found.events, found.turns) == (turns, turns - 1)
    assert found.problem is not None
    assert "corrupt at byte" in found.problem


def test_a_summary_of_another_version_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store_at(tmp_path) as store:
        fill(store)
    monkeypatch.setattr(
        "journal.engines.files.directory.saved_summary", lambda *_: b'{"words":"of another"}'
    )
    with store_at(tmp_path) as store:
        assert store.summary(info_of(store)).turns == 10


def test_a_log_that_cannot_be_read_after_its_compaction_is_compacted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store_at(tmp_path) as store:
        for _ in range(2):
            fill(store)
        log = store._sessions.get("s").log

        def refuse(_: object = None) -> bool:
            raise ReadError(5, "no")

        monkeypatch.setattr(log, "refresh", refuse)
        report = store.compact("s")
    assert report is not None
    assert report.events_after == 10
