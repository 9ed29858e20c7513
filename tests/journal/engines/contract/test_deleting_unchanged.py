"""Deleting many sessions, each only if it is as it was when it was listed."""

from journal.backend import Backend
from journal.errors import ChangedError
from journal.reports import SessionUsage
from tests.support import Recorder, set_event


def begin(engine: Backend, *session_ids: str) -> None:
    for session_id in session_ids:
        engine.open(session_id, Recorder()).append([set_event("a"), set_event("a")])


def found_in(engine: Backend) -> dict[str, SessionUsage]:
    return {one.session_id: one for one in engine.usage()}


def listed(engine: Backend) -> set[str]:
    return {info["session_id"] for info in engine.sessions()}


def test_the_usage_of_sessions_is_what_the_listing_says_of_them(engine: Backend) -> None:
    begin(engine, "a", "b/ü", "x" * 300)
    infos = {info["session_id"]: info for info in engine.sessions()}
    found = found_in(engine)
    assert found.keys() == infos.keys()
    for session_id, one in found.items():
        info = infos[session_id]
        assert (one.updated_at, one.log_bytes) == (info["updated_at"], info["log_bytes"])
        assert one.bytes >= one.log_bytes > 0


def test_the_sessions_named_are_gone_and_the_others_stay(engine: Backend) -> None:
    begin(engine, "a", "b", "c", "d")
    engine.compact("b")
    found = found_in(engine)
    assert engine.delete_unchanged([found["c"], found["b"]]) == [None, None]
    assert listed(engine) == {"a", "d"} == found_in(engine).keys()
    assert engine.history("b") is None
    assert engine.delete_unchanged([]) == []


def test_a_session_that_goes_on_has_its_own_log(engine: Backend) -> None:
    recorder = Recorder()
    log = engine.open("s", recorder)
    old = log.append([set_event("a")])
    assert engine.delete_unchanged([found_in(engine)["s"]]) == [None]
    assert not log.refresh()
    assert recorder.events == []
    new = log.append([set_event("b")])
    assert (new.seq, new.log_id != old.log_id) == (1, True)


def test_what_was_written_after_the_look_is_not_deleted(engine: Backend) -> None:
    begin(engine, "written", "compacted", "again", "gone", "same")
    found = found_in(engine)
    engine.open("written", Recorder()).append([set_event("b")])
    engine.compact("compacted")
    for session_id in ("again", "gone"):
        engine.delete(session_id)
    begin(engine, "again")
    names = ["written", "compacted", "again", "gone", "same"]
    outcomes = dict(
        zip(names, engine.delete_unchanged([found[name] for name in names]), strict=True)
    )
    assert outcomes.pop("same") is None
    assert [type(error) for error in outcomes.values()] == [ChangedError] * 4
    assert listed(engine) == {"written", "compacted", "again"}
    for session_id in ("written", "compacted", "again"):
        report = engine.verify(session_id)
        assert (report.ok, report.head is not None) == (True, True)
