"""Compaction: what it keeps, what is left of the past, and how that is verified."""

from itertools import pairwise

import pytest

from journal.backend import Backend
from journal.errors import CompactionAbandonedError
from journal.events import Clear, Handoff, Head, Takeover
from projections.view import View
from tests.journal.engines.contract.looking import events_in, kept_in, state_of
from tests.support import Recorder, is_there, set_event


def test_compaction_keeps_the_view_its_order_and_what_is_not_a_turn(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a"), set_event("b"), set_event("gone", runtime="other")])
    log.append([Handoff(source="native", target="other"), Takeover(runtime_id="other")])
    log.append([Clear(runtime_id="other"), set_event("a", {"newer": True})])
    before = state_of(engine)
    living = {event.seq: event.hash for event in events_in(engine) if event.seq in (2, 4, 5, 7)}
    report = engine.compact("s")
    assert report is not None
    assert (report.events_before, report.events_after, report.base_seq) == (7, 4, 7)
    assert report.bytes_after < report.bytes_before
    assert state_of(engine) == before
    assert list(state_of(engine)) == ["a", "b"]
    assert kept_in(engine) == living
    assert log.append([set_event("c")]).seq == 8
    assert list(state_of(engine)) == ["a", "b", "c"]
    assert engine.verify("s").ok


def test_compacting_what_has_nothing_dead_in_it_changes_nothing(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    head = log.append([set_event("a"), set_event("b")])
    report = engine.compact("s")
    assert report is not None
    assert (report.events_before, report.events_after, report.archive) == (2, 2, None)
    assert engine.verify("s").head == head


def test_a_log_of_which_nothing_lives_goes_on_with_its_seqs(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    before = log.append([set_event("a"), Clear()])
    engine.compact("s")
    assert kept_in(engine) == {}
    assert is_there(engine)
    after = log.append([set_event("b")])
    assert (after.log_id, after.seq) == (before.log_id, 3)
    assert engine.verify("s").ok


def test_a_projection_goes_on_across_a_compaction_without_repetition(engine: Backend) -> None:
    seen, late = Recorder(), Recorder()
    log, behind = engine.open("s", seen), engine.open("s", late)
    log.append([set_event("a"), set_event("a"), set_event("b")])
    behind.refresh()
    log.append([set_event("a")])
    engine.compact("s")
    log.append([set_event("c")])
    log.refresh()
    behind.refresh()
    assert seen.turns == ["a", "a", "b", "a", "c"]
    folded = View(engine.opener("s"))
    for event in late.events:
        folded.fold(event)
    assert folded.runtime("native") == state_of(engine)


def test_a_compaction_that_is_told_to_stop_leaves_the_log_as_it_was(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    head = log.append([set_event("a"), set_event("a")])
    with pytest.raises(CompactionAbandonedError):
        engine.compact("s", stop=lambda: True)
    report = engine.verify("s")
    assert (report.head, report.events, report.ok) == (head, 2, True)
    assert engine.compact("s") is not None


def test_the_past_is_all_there_across_compactions(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    seen = Recorder()
    engine.open("s", seen)
    for number in range(5):
        log.append([set_event("a"), set_event(str(number)), Clear(), set_event("b")])
        engine.compact("s")
    past = engine.history("s")
    assert past is not None
    assert (past.floor, past.kept, past.problems) == (0, [], [])
    entries = list(past.in_order())
    assert [entry.event.seq for entry in entries] == list(range(1, 21))
    assert all(later.event.prev == earlier.event.hash for earlier, later in pairwise(entries)), (
        "the chain leads through all archives"
    )
    for reaching in range(21):
        past = engine.history("s", reaching)
        assert past is not None
        assert past.floor <= reaching
        view = View(engine.opener("s"))
        for event in past.to_fold():
            view.fold(event)
        assert view.runtime("native") == state_of(engine)


def test_verification_knows_a_head_noted_down_before(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    log.append([set_event("a"), set_event("a")])
    head = engine.verify("s").head
    assert head is not None
    log.append([set_event("b")])
    assert engine.verify("s", head).ok
    engine.compact("s")
    assert engine.verify("s", head).ok
    forged = Head(head.log_id, head.seq, "0" * 32)
    assert [problem.kind for problem in engine.verify("s", forged).problems] == ["head"]
    ahead = Head(head.log_id, 99, head.hash)
    assert [problem.kind for problem in engine.verify("s", ahead).problems] == ["head"]
    engine.delete("s")
    assert [problem.kind for problem in engine.verify("s", head).problems] == ["head"]


def test_a_head_that_compaction_has_archived_is_found(engine: Backend) -> None:
    log = engine.open("s", Recorder())
    early = log.append([set_event("a")])
    log.append([set_event("a"), set_event("b")])
    engine.compact("s")
    assert engine.verify("s", early).ok
    forged = Head(early.log_id, early.seq, "0" * 32)
    (problem,) = engine.verify("s", forged).problems
    assert problem.kind == "head"
    assert problem.where in problem.location
    assert problem.reason in str(problem)


def test_a_head_before_dropped_history_cannot_be_checked_and_is_no_problem(
    engine: Backend,
) -> None:
    log = engine.open("s", Recorder())
    early = log.append([set_event("a")])
    log.append([set_event("a"), set_event("b")])
    engine.compact("s", "drop")
    assert engine.verify("s", early).ok
