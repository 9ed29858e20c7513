"""The audit of handoffs: what its results say beyond the stories."""

import pytest
from msgspec import Raw
from msgspec.structs import replace

from journal.events import Event, Set
from projections.handoffs.audit import audit
from projections.handoffs.findings import ChildTurn, OpenCall, RuntimeChange
from projections.handoffs.pending import PendingHandoffs
from tests.projections.handoff_steps import at, clears, hands, log, takes, unknown, writes


def test_a_change_tells_all_there_is_to_know() -> None:
    (found,) = audit(
        log(
            writes("native", "1", "a", "b", done=["b"]),
            writes("native", "2", "c"),
            replace(hands("native", "codex", "2"), reason="stuck"),
            writes("native", "2", "d"),
            takes("codex", 3, seen=3),
            writes("native", "2", done=["a"]),
            writes("codex", "3", done=["c"]),
        )
    ).changes
    open_calls = (
        OpenCall(
            id="a",
            name=None,
            number=1,
            runtime_id="native",
            turn_id="1",
            named_seq=1,
            finished_seq=6,
            finished_by="native",
        ),
        OpenCall(
            id="c",
            name=None,
            number=1,
            runtime_id="native",
            turn_id="2",
            named_seq=2,
            finished_seq=7,
            finished_by="codex",
        ),
    )
    assert found == RuntimeChange(
        source="native",
        source_turn="2",
        target="codex",
        status="taken over",
        announced=True,
        handoff_seq=3,
        handed_off_at=at(3),
        takeover_seq=5,
        taken_over_at=at(5),
        first_write_seq=7,
        first_turn="3",
        seconds=2.0,
        seen_seq=3,
        turn_id="2",
        reason="stuck",
        inherited_turns=2,
        inherited_calls=3,
        open_count=2,
        open_calls=open_calls,
        late_writes=(4, 6),
    )


def test_a_change_without_a_takeover_is_dated_by_the_first_write() -> None:
    (found,) = audit(
        log(writes("native", "1"), hands("native", "codex"), unknown(), writes("codex", "2"))
    ).changes
    assert (found.handoff_seq, found.takeover_seq, found.first_write_seq) == (2, None, 4)
    assert (found.seen_seq, found.taken_over_at, found.seconds) == (3, at(4), 2.0)


def test_a_change_without_a_handoff_says_what_is_known() -> None:
    (found,) = audit(log(writes("native", "1"), takes("codex"), writes("codex", "2"))).changes
    assert (found.announced, found.handoff_seq, found.handed_off_at) == (False, None, None)
    assert (found.takeover_seq, found.taken_over_at, found.seconds) == (2, at(2), None)
    assert (found.source, found.first_write_seq, found.seen_seq) == ("native", 3, 1)
    (gone,) = audit(log(takes("codex", 12), first=40)).changes
    assert (gone.source, gone.announced, gone.handoff_seq) == (None, True, 12)
    assert (gone.handed_off_at, gone.seconds, gone.seen_seq) == (None, None, 39)


def test_a_handoff_that_waits_has_only_its_announcement() -> None:
    (found,) = audit(log(writes("native", "1", "a"), hands("native", "codex"))).changes
    assert (found.handoff_seq, found.handed_off_at) == (2, at(2))
    later = (found.takeover_seq, found.taken_over_at, found.first_write_seq, found.seen_seq)
    assert later == (None, None, None, None)
    assert (found.seconds, found.inherited_turns, found.inherited_calls) == (None, 0, 0)


def test_the_first_write_counts_only_while_the_target_has_the_session() -> None:
    first, second, third = audit(
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            takes("native"),
            writes("native", "2"),
            writes("native", "3"),
            writes("codex", "4"),
        )
    ).changes
    assert [each.first_write_seq for each in (first, second, third)] == [None, 5, 7]


@pytest.mark.parametrize(
    ("handed", "taken", "seconds"),
    [
        ("2026-11-22T10:18:00.250000Z", "2026-11-22T10:19:00.500000Z", 60.25),
        ("2026-11-22T10:18:01.000000Z", "2026-11-22T10:18:00.000000Z", -1.0),
        ("2026-11-22T12:18:00+02:00", "2026-11-22T10:18:01Z", 1.0),
        ("yesterday", "2026-11-22T10:18:00.000000Z", None),
        ("2026-11-22T10:18:00", "2026-11-22T10:18:00Z", None),
        ("", "", None),
    ],
)
def test_seconds_are_what_the_clocks_said(handed: str, taken: str, seconds: float | None) -> None:
    events = log(writes("native", "1"), hands("native", "codex"), takes("codex", 2))
    events[1:] = [replace(events[1], ts=handed), replace(events[2], ts=taken)]
    assert audit(events).changes[0].seconds == seconds


def test_nobody_has_seen_more_than_there_was() -> None:
    events = log(writes("native", "1", "a"), takes("codex", seen=99), writes("codex", "1", "b"))
    (found,) = audit(events).changes
    assert (found.seen_seq, found.inherited_calls) == (1, 1)


def test_what_is_inherited_is_the_view_as_of_what_was_seen() -> None:
    """So many turns, whose states name so many calls; results of others are none of these."""
    events = log(
        writes("native", "1", "a"),
        writes("claude", "1", "b"),
        writes("native", "2", "c", "d"),
        clears("native"),
        writes("native", "3", "e"),
        writes("native", "1", "f"),
        writes("claude", "1", "f", done=["g"]),
    )
    views = {0: (0, 0), 1: (1, 1), 2: (2, 2), 3: (3, 4), 4: (1, 1), 6: (3, 3), 7: (3, 3)}
    for seen, counts in views.items():
        taken = replace(takes("codex", seen=seen), seq=8)
        found = audit([*events, taken]).changes[-1]
        assert (found.inherited_turns, found.inherited_calls) == counts


def test_a_span_tells_its_turns_and_times() -> None:
    found = audit(
        log(
            writes("native", "2"),
            writes("native", "1"),
            writes("native", "2"),
            hands("native", "codex"),
            takes("codex", 4),
            writes("native", "2"),
            writes("codex", "3"),
            unknown(),
        )
    )
    first, second = found.spans
    assert (first.since, first.until, first.turns) == (at(1), at(4), ("2", "1"))
    assert (second.since, second.until, second.turns) == (at(5), at(8), ("3",))


def test_a_double_run_tells_which_runtime_really_ran_the_turn() -> None:
    found = audit(
        log(
            replace(writes("native", "1", "a", "b"), writer="laptop:1"),
            replace(writes("native", "1", "a", done=["b"]), writer="laptop:2"),
            replace(writes("codex", "1", "a", done=["c"]), writer="server:3"),
            replace(writes("native", "1", "a"), writer="laptop:1"),
        )
    )
    (turn,) = found.double_runs
    native, codex = turn.runs
    assert (turn.turn_id, native.runtime_id, codex.runtime_id) == ("1", "native", "codex")
    assert (native.first_seq, native.last_seq, native.writes) == (1, 4, 3)
    assert (codex.first_seq, codex.last_seq, codex.writes) == (3, 3, 1)
    assert (native.writers, codex.writers) == (("laptop:1", "laptop:2"), ("server:3",))
    assert (native.calls, native.finished_calls) == (("a", "b"), ("b",))
    assert (codex.calls, codex.finished_calls) == (("a", "c"), ("c",))


@pytest.mark.parametrize(
    ("between", "had_session"),
    [
        ([], False),
        ([takes("codex")], True),
        ([hands("native", "codex")], True),
        ([hands("native", "codex"), takes("codex", 2)], True),
        ([hands("native", "claude")], False),
    ],
    ids=["just wrote", "took over", "was handed it", "was handed it and took over", "another's"],
)
def test_a_run_tells_whether_its_runtime_had_the_session(
    between: list[Event], had_session: bool
) -> None:
    found = audit(log(writes("native", "1"), *between, writes("codex", "1")))
    (turn,) = found.double_runs + found.shared_turns
    assert [run.had_session for run in turn.runs] == [True, had_session]


def test_a_call_open_at_several_changes_is_listed_at_the_first_and_counted_at_each() -> None:
    found = audit(log(writes("native", "1", "a"), takes("codex"), takes("native")))
    assert [len(change.open_calls) for change in found.changes] == [1, 0]
    assert [change.open_count for change in found.changes] == [1, 1]
    assert [call.id for call in found.lost_calls] == ["a"]


def test_the_first_change_is_the_one_that_had_seen_least() -> None:
    found = audit(log(writes("native", "1", "a"), takes("codex", seen=0), takes("claude", seen=1)))
    assert [change.open_count for change in found.changes] == [0, 1]
    found = audit(
        log(writes("native", "1", "a"), writes("native", "2"), takes("codex"), takes("b", seen=1))
    )
    assert [len(change.open_calls) for change in found.changes] == [0, 1]


@pytest.mark.parametrize(
    "state",
    [b"{", b"\xff", b"", b"[" * 100_000],
    ids=["cut off", "not UTF-8", "empty", "too deep"],
)
def test_of_a_damaged_state_it_cannot_be_told_whether_calls_are_open(state: bytes) -> None:
    damaged = Set(runtime_id="native", turn_id="1", state=Raw(state))
    found = audit(log(writes("native", "1", "a", done=["a"]), damaged, hands("native", "codex")))
    assert found.ok is True, "nobody has inherited it yet"
    found = audit(
        log(
            writes("native", "1", "a", done=["a"]),
            damaged,
            hands("native", "codex"),
            takes("codex", 3),
        )
    )
    assert (found.changes[0].inherited_turns, found.changes[0].inherited_calls) == (1, 0)
    assert found.ok is None
    assert [finding.kind for finding in found.findings] == ["unrecognised"]


def test_pending_and_superseded_handoffs_and_implicit_takeovers_are_no_faults() -> None:
    begin: list[Event] = [
        writes("native", "1"),
        hands("native", "codex"),
        hands("native", "codex"),
    ]
    for steps in (begin, [*begin, writes("codex", "1")], [*begin, takes("codex", 3)]):
        assert audit(log(*steps)).ok


# Handoffs that wait to be answered


@pytest.mark.parametrize(
    ("steps", "answered"),
    [
        ([], None),
        ([hands("native", "codex")], 1),
        ([hands("native", "claude")], None),
        ([hands("codex", "native")], None),
        ([hands("native", "codex"), hands("claude", "codex")], 2),
        ([hands("native", "codex"), writes("codex", "1"), clears(), unknown()], 1),
        ([hands("native", "codex"), takes("codex", 1)], None),
        ([hands("native", "codex"), takes("codex")], None),
        ([hands("native", "codex"), hands("native", "codex"), takes("codex", 1)], None),
        ([hands("native", "codex"), takes("claude", 1)], 1),
        ([hands("native", "codex"), takes("codex", 1), hands("native", "codex")], 3),
    ],
)
def test_a_takeover_answers_the_latest_handoff_that_waits(
    steps: list[Event], answered: int | None
) -> None:
    pending = PendingHandoffs()
    for event in log(*steps):
        pending.fold(event)
    assert pending.answered_by("codex") == answered
    pending.reset()
    assert pending.answered_by("codex") is None


def test_what_the_pending_handoffs_name_is_what_the_audit_takes_as_the_answer() -> None:
    events = log(
        writes("native", "1"),
        hands("native", "claude"),
        hands("native", "codex"),
        hands("native", "codex"),
    )
    pending = PendingHandoffs()
    for event in events:
        pending.fold(event)
    answer = replace(takes("codex", pending.answered_by("codex")), seq=5)
    found = audit([*events, answer]).changes
    assert [change.status for change in found] == ["pending", "superseded", "taken over"]


def test_in_a_prompt_an_audit_looks_like_this() -> None:
    """Each thing by its ids and seqs, on one line."""
    found = audit(
        log(
            writes("native", "1", "call-1", "call-2"),
            hands("native", "codex"),
            takes("codex", 2, seen=2),
            writes("codex", "2", done=["call-2"]),
            writes("native", "2"),
            hands("native", "judge"),
        )
    )
    (turn,) = found.double_runs
    calls = found.changes[0].open_calls
    shown = (*found.spans, *found.changes, *calls, turn, *turn.runs, *turn.conflicts)
    assert [repr(each) for each in shown] == [
        "OwnershipSpan(native, events 1 to 2, 1 turn)",
        "OwnershipSpan(codex, events 3 to 4, 1 turn)",
        "OwnershipSpan(native, events 5 to 6, 1 turn)",
        "RuntimeChange(native → codex, taken over, handed off at 2, taken over at 3, wrote at 4, "
        "2 open calls, 1 late write)",
        "RuntimeChange(codex → native, unannounced, wrote at 5, 1 open call, 0 late writes)",
        "RuntimeChange(native → judge, pending, handed off at 6, 0 open calls, 0 late writes)",
        "OpenCall(call-1, native/1, named at 1, open)",
        "OpenCall(call-2, native/1, named at 1, finished at 4 by codex)",
        "DoubleRun(2, run by codex, native, 1 conflict)",
        "TurnRun(codex, event 4, 1 write, had the session)",
        "TurnRun(native, event 5, 1 write, did not have the session)",
        "Conflict(codex at 4, native at 5)",
    ]
    assert repr(found) == (
        "HandoffAudit(not ok, 4 findings, 3 spans, 3 changes, 1 double run, 0 shared turns, "
        "1 lost call)"
    )
    (first,) = audit(log(takes("codex", 3, seen=3), first=5)).changes
    assert repr(first).startswith("RuntimeChange(? → codex, taken over, handed off at 3,")
    assert repr(audit([])).startswith("HandoffAudit(ok, 0 findings, 0 spans,")
    (pending,) = [repr(each) for each in found.findings if each.kind == "pending"]
    assert pending.startswith("AuditFinding(remark: pending, 'judge has not")
    assert pending.endswith(", 0 consequences)")


def test_in_a_prompt_a_child_looks_like_this() -> None:
    child = ChildTurn(
        runtime_id="billing",
        turn_id="t-2",
        status=None,
        first_seq=3,
        last_seq=5,
        parent_runtime_id="triage",
        parent_turn_id="t-1",
        tool_call_id=None,
        parent_session_id=None,
    )
    assert repr(child) == "ChildTurn(billing/t-2, for triage/t-1, events 3 to 5)"
