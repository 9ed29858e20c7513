"""The audit of handoffs: stories, with what a reader would tell of them."""

import pytest

from journal.events import Event
from projections.handoffs.audit import audit
from tests.projections.handoff_steps import (
    Story,
    clears,
    facts_of,
    hands,
    log,
    takes,
    unknown,
    writes,
)

CHANGES: dict[str, Story] = {
    "nothing happened": ([], {}),
    "one runtime by itself": (
        log(writes("native", "1"), writes("native", "2")),
        {"had it": ["native 1-2"]},
    ),
    "handed off and taken over": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("codex", "2"),
        ),
        {"had it": ["native 1-2", "codex 3-4"], "changes": ["native to codex: taken over"]},
    ),
    "there and back again, and nobody is late": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("codex", "2"),
            hands("codex", "native"),
            takes("native", 5),
            writes("native", "1"),
        ),
        {
            "had it": ["native 1-2", "codex 3-5", "native 6-7"],
            "changes": ["native to codex: taken over", "codex to native: taken over"],
        },
    ),
    "announced, and nobody came": (
        log(writes("native", "1"), hands("native", "codex")),
        {"had it": ["native 1-2"], "changes": ["native to codex: pending"]},
    ),
    "handed off, and the target just wrote": (
        log(writes("native", "1"), hands("native", "codex"), writes("codex", "2")),
        {"had it": ["native 1-2", "codex 3-3"], "changes": ["native to codex: implicit"]},
    ),
    "the target wrote first and took over then: it has the session already": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            writes("codex", "2"),
            takes("codex", 2),
        ),
        {"had it": ["native 1-2", "codex 3-4"], "changes": ["native to codex: implicit"]},
    ),
    "handed off before anyone wrote": (
        log(hands("native", "codex"), writes("codex", "1")),
        {"had it": ["codex 2-2"], "changes": ["native to codex: implicit"]},
    ),
    "taken over without a word": (
        log(writes("native", "1"), takes("codex"), writes("codex", "2")),
        {"had it": ["native 1-1", "codex 2-3"], "changes": ["native to codex: unannounced"]},
    ),
    "written to without a word": (
        log(writes("native", "1"), writes("codex", "2"), writes("codex", "3")),
        {"had it": ["native 1-1", "codex 2-3"], "changes": ["native to codex: unannounced"]},
    ),
    "a takeover by who has the session is a restart": (
        log(writes("native", "1"), takes("native"), writes("native", "2")),
        {"had it": ["native 1-3"]},
    ),
    "taking over what nobody has is a start": (
        log(takes("native"), writes("native", "1"), writes("codex", "2")),
        {"had it": ["native 1-2", "codex 3-3"], "changes": ["native to codex: unannounced"]},
    ),
    "a handoff to one announces nothing for another": (
        log(writes("native", "1"), hands("native", "codex"), takes("claude", 2)),
        {
            "had it": ["native 1-2", "claude 3-3"],
            "changes": ["native to codex: pending", "native to claude: unannounced"],
        },
    ),
    "announced twice, and nobody came": (
        log(writes("native", "1"), hands("native", "codex"), hands("native", "codex")),
        {
            "had it": ["native 1-3"],
            "changes": ["native to codex: superseded", "native to codex: pending"],
        },
    ),
    "announced twice, the later one answered": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            hands("native", "codex"),
            takes("codex", 3),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: superseded", "native to codex: taken over"],
        },
    ),
    "announced twice, the earlier one answered": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            hands("native", "codex"),
            takes("codex", 2),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: taken over", "native to codex: superseded"],
        },
    ),
    "announced twice, and the target just wrote": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            hands("native", "codex"),
            writes("codex", "2"),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: superseded", "native to codex: implicit"],
        },
    ),
    "announced, but the takeover names no handoff": (
        log(writes("native", "1"), hands("native", "codex"), takes("codex")),
        {
            "had it": ["native 1-2", "codex 3-3"],
            "changes": ["native to codex: superseded", "native to codex: unannounced"],
        },
    ),
    "a handoff answered once announces nothing any more": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            takes("codex", 2),
            takes("native"),
            takes("codex", 2),
        ),
        {
            "had it": ["native 1-2", "codex 3-4", "native 5-5", "codex 6-6"],
            "changes": [
                "native to codex: taken over",
                "codex to native: unannounced",
                "native to codex: unannounced",
            ],
        },
    ),
    "the handoff is no longer in the history, nor who made it": (
        log(takes("codex", 12, 39), writes("codex", "1"), first=40),
        {"had it": ["codex 40-41"], "changes": ["None to codex: taken over"]},
    ),
    "the handoff is no longer in the history, who had the session then is late": (
        log(writes("native", "1"), takes("codex", 12), writes("native", "1"), first=40),
        {
            "had it": ["native 40-40", "codex 41-42"],
            "changes": ["native to codex: taken over"],
            "late": ["42 by native to codex"],
        },
    ),
    "a restart that names a handoff of long ago": (
        log(writes("native", "1"), takes("native", 12), first=40),
        {"had it": ["native 40-41"]},
    ),
    "handed to itself": (
        log(
            writes("native", "1"),
            hands("native", "native"),
            writes("native", "1"),
            takes("native", 2),
        ),
        {"had it": ["native 1-4"], "changes": ["native to native: taken over"]},
    ),
    "events that mean nothing here leave the session where it is": (
        log(unknown(), writes("native", "1"), unknown(), clears()),
        {"had it": ["native 2-4"]},
    ),
}

LATE: dict[str, Story] = {
    "handed off and wrote on, before anyone came": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            writes("native", "1"),
            writes("native", "2"),
            takes("codex", 2),
        ),
        {
            "had it": ["native 1-4", "codex 5-5"],
            "changes": ["native to codex: taken over"],
            "late": ["3 by native to codex", "4 by native to codex"],
        },
    ),
    "wrote on after it was taken over: the session stays where it is": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("native", "1"),
            writes("codex", "2"),
        ),
        {
            "had it": ["native 1-2", "codex 3-5"],
            "changes": ["native to codex: taken over"],
            "late": ["4 by native to codex"],
        },
    ),
    "wrote on and on after it was taken over: the session still stays where it is": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("native", "1"),
            writes("native", "1"),
        ),
        {
            "had it": ["native 1-2", "codex 3-5"],
            "changes": ["native to codex: taken over"],
            "late": ["4 by native to codex", "5 by native to codex"],
        },
    ),
    "began a new turn after it was taken over: it took the session back": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("native", "9"),
        ),
        {
            "had it": ["native 1-2", "codex 3-3", "native 4-4"],
            "changes": ["native to codex: taken over", "codex to native: unannounced"],
            "late": ["4 by native to codex"],
        },
    ),
    "goes on after the takeover with a turn begun after the handoff: only late": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            writes("native", "2"),
            takes("codex", 2),
            writes("native", "2"),
        ),
        {
            "had it": ["native 1-3", "codex 4-5"],
            "changes": ["native to codex: taken over"],
            "late": ["3 by native to codex", "5 by native to codex"],
        },
    ),
    "what another began is new for it": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            writes("codex", "2"),
            writes("native", "2"),
        ),
        {
            "had it": ["native 1-2", "codex 3-3", "native 4-4"],
            "changes": ["native to codex: implicit", "codex to native: unannounced"],
            "late": ["4 by native to codex"],
            "ran twice": ["2: codex 3, native 4"],
        },
    ),
    "handed back, and just wrote": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            hands("codex", "native"),
            writes("native", "1"),
        ),
        {
            "had it": ["native 1-2", "codex 3-4", "native 5-5"],
            "changes": ["native to codex: taken over", "codex to native: implicit"],
        },
    ),
    "took the session back by a takeover, before anyone came": (
        log(
            writes("native", "1"), hands("native", "codex"), takes("native"), writes("native", "2")
        ),
        {"had it": ["native 1-4"], "changes": ["native to codex: pending"]},
    ),
    "handed off to two: late for the second": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            hands("native", "claude"),
            writes("native", "1"),
        ),
        {
            "had it": ["native 1-4"],
            "changes": ["native to codex: pending", "native to claude: pending"],
            "late": ["4 by native to claude"],
        },
    ),
    "handed off again after it had lost the session: still only late": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            hands("native", "claude"),
            writes("native", "1"),
        ),
        {
            "had it": ["native 1-2", "codex 3-5"],
            "changes": ["native to codex: taken over", "native to claude: pending"],
            "late": ["5 by native to claude"],
        },
    ),
    "took it back by writing, handed off anew: what it began meanwhile is only late": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("native", "9"),
            hands("native", "claude"),
            takes("claude", 5),
            writes("native", "9"),
        ),
        {
            "had it": ["native 1-2", "codex 3-3", "native 4-5", "claude 6-7"],
            "changes": [
                "native to codex: taken over",
                "codex to native: unannounced",
                "native to claude: taken over",
            ],
            "late": ["4 by native to codex", "7 by native to claude"],
        },
    ),
    "took it back by writing, lost it by its other handoff: only late again": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            hands("native", "claude"),
            takes("codex", 2),
            writes("native", "9"),
            takes("claude", 3),
            writes("native", "9"),
        ),
        {
            "had it": ["native 1-3", "codex 4-4", "native 5-5", "claude 6-7"],
            "changes": [
                "native to codex: taken over",
                "native to claude: taken over",
                "codex to native: unannounced",
            ],
            "late": ["5 by native to claude", "7 by native to claude"],
        },
    ),
    "robbed while its handoff was waiting, it writes: a change, and late too": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("claude"),
            writes("native", "1"),
        ),
        {
            "had it": ["native 1-2", "claude 3-3", "native 4-4"],
            "changes": [
                "native to codex: pending",
                "native to claude: unannounced",
                "claude to native: unannounced",
            ],
            "late": ["4 by native to codex"],
        },
    ),
}

TURNS: dict[str, Story] = {
    "two runtimes ran it and nobody handed off": (
        log(writes("native", "1"), writes("codex", "1"), writes("native", "1")),
        {
            "had it": ["native 1-1", "codex 2-2", "native 3-3"],
            "changes": ["native to codex: unannounced", "codex to native: unannounced"],
            "ran twice": ["1: native 1, codex 2", "1: codex 2, native 3"],
        },
    ),
    "an unannounced takeover is no excuse": (
        log(writes("native", "1"), takes("codex"), writes("codex", "1")),
        {
            "had it": ["native 1-1", "codex 2-3"],
            "changes": ["native to codex: unannounced"],
            "ran twice": ["1: native 1, codex 3"],
        },
    ),
    "handed off in the middle of it": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("codex", "1"),
        ),
        {
            "had it": ["native 1-2", "codex 3-4"],
            "changes": ["native to codex: taken over"],
            "shared": ["1"],
        },
    ),
    "handed off by way of a third": (
        log(
            writes("native", "1"),
            hands("native", "claude"),
            hands("claude", "codex"),
            writes("codex", "1"),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to claude: pending", "claude to codex: implicit"],
            "shared": ["1"],
        },
    ),
    "by way of a third, in the wrong order": (
        log(
            writes("native", "1"),
            hands("claude", "codex"),
            hands("native", "claude"),
            writes("codex", "1"),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["claude to codex: implicit", "native to claude: pending"],
            "ran twice": ["1: native 1, codex 4"],
        },
    ),
    "handed off in the other direction": (
        log(writes("native", "1"), hands("codex", "native"), writes("codex", "1")),
        {
            "had it": ["native 1-2", "codex 3-3"],
            "changes": ["codex to native: pending", "native to codex: unannounced"],
            "late": ["3 by codex to native"],
            "ran twice": ["1: native 1, codex 3"],
        },
    ),
    "handed off for this turn": (
        log(writes("native", "1"), hands("native", "codex", "1"), writes("codex", "1")),
        {
            "had it": ["native 1-2", "codex 3-3"],
            "changes": ["native to codex: implicit"],
            "shared": ["1"],
        },
    ),
    "handed off for another turn": (
        log(writes("native", "1"), hands("native", "codex", "2"), writes("codex", "1")),
        {
            "had it": ["native 1-2", "codex 3-3"],
            "changes": ["native to codex: implicit"],
            "ran twice": ["1: native 1, codex 3"],
        },
    ),
    "handed off before the source wrote it last": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            writes("native", "1"),
            writes("codex", "1"),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: implicit"],
            "late": ["3 by native to codex"],
            "ran twice": ["1: native 3, codex 4"],
        },
    ),
    "handed off once, then both ran it": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("codex", "1"),
            writes("native", "1"),
        ),
        {
            "had it": ["native 1-2", "codex 3-5"],
            "changes": ["native to codex: taken over"],
            "late": ["5 by native to codex"],
            "ran twice": ["1: codex 4, native 5"],
        },
    ),
    "a clear does not undo what was run": (
        log(writes("native", "1"), clears(), writes("codex", "1")),
        {
            "had it": ["native 1-2", "codex 3-3"],
            "changes": ["native to codex: unannounced"],
            "ran twice": ["1: native 1, codex 3"],
        },
    ),
}

CALLS: dict[str, Story] = {
    "the new owner finished what was open": (
        log(
            writes("native", "1", "a"),
            hands("native", "codex"),
            takes("codex", 2),
            writes("codex", "2", done=["a"]),
            writes("native", "1", done=["a"]),
        ),
        {
            "had it": ["native 1-2", "codex 3-5"],
            "changes": ["native to codex: taken over"],
            "late": ["5 by native to codex"],
            "open": ["a of native 1 at 1, 4 codex"],
        },
    ),
    "nobody finished it": (
        log(writes("native", "1", "a"), hands("native", "codex"), takes("codex", 2)),
        {
            "had it": ["native 1-2", "codex 3-3"],
            "changes": ["native to codex: taken over"],
            "open": ["a of native 1 at 1"],
            "lost": ["a"],
        },
    ),
    "announced only: nothing is handed over yet": (
        log(writes("native", "1", "a"), hands("native", "codex")),
        {"had it": ["native 1-2"], "changes": ["native to codex: pending"]},
    ),
    "finished in time, and shown as open again": (
        log(
            writes("native", "1", "a"),
            writes("native", "1", done=["a"]),
            writes("native", "1", "a"),
            hands("native", "codex"),
            takes("codex", 4),
        ),
        {"had it": ["native 1-4", "codex 5-5"], "changes": ["native to codex: taken over"]},
    ),
    "finished in time, and its id used again by another turn": (
        log(
            writes("native", "1", "a", done=["a"]),
            writes("native", "2", "a"),
            hands("native", "codex"),
            takes("codex", 3),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: taken over"],
            "open": ["a of native 2 at 2"],
            "lost": ["a"],
        },
    ),
    "finished by the last that the new owner had seen": (
        log(
            writes("native", "1", "a"),
            writes("native", "1", done=["a"]),
            takes("codex", seen=2),
        ),
        {"had it": ["native 1-2", "codex 3-3"], "changes": ["native to codex: unannounced"]},
    ),
    "finished after what the new owner had seen": (
        log(
            writes("native", "1", "a"),
            hands("native", "codex"),
            writes("native", "1", done=["a"]),
            takes("codex", 2, seen=2),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: taken over"],
            "late": ["3 by native to codex"],
            "open": ["a of native 1 at 1, 3 native"],
        },
    ),
    "named after what the new owner had seen": (
        log(
            writes("native", "1"),
            hands("native", "codex"),
            writes("native", "1", "a"),
            takes("codex", 2, seen=2),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: taken over"],
            "late": ["3 by native to codex"],
        },
    ),
    "named by the very write that took over": (
        log(writes("native", "1"), hands("native", "codex"), writes("codex", "2", "a")),
        {"had it": ["native 1-2", "codex 3-3"], "changes": ["native to codex: implicit"]},
    ),
    "cleared before": (
        log(
            writes("native", "1", "a"),
            clears("native"),
            hands("native", "codex"),
            takes("codex", 3),
        ),
        {"had it": ["native 1-3", "codex 4-4"], "changes": ["native to codex: taken over"]},
    ),
    "cleared, but named in another runtime's turn as well": (
        log(
            writes("native", "1", "a"),
            hands("native", "codex"),
            writes("codex", "2", "a"),
            clears("native"),
            hands("codex", "native"),
            takes("native", 5),
        ),
        {
            "had it": ["native 1-2", "codex 3-5", "native 6-6"],
            "changes": ["native to codex: implicit", "codex to native: taken over"],
            "open": ["a of native 1 at 1", "a of codex 2 at 3"],
            "lost": ["a", "a"],
        },
    ),
    "cleared, and the turn set again without it": (
        log(
            writes("native", "1", "a"),
            clears(),
            writes("native", "1"),
            hands("native", "codex"),
            takes("codex", 4),
        ),
        {"had it": ["native 1-4", "codex 5-5"], "changes": ["native to codex: taken over"]},
    ),
    "cleared, and the turn set again with it": (
        log(
            writes("native", "1", "a"),
            clears(),
            writes("native", "1", "a"),
            hands("native", "codex"),
            takes("codex", 4),
        ),
        {
            "had it": ["native 1-4", "codex 5-5"],
            "changes": ["native to codex: taken over"],
            "open": ["a of native 1 at 3"],
            "lost": ["a"],
        },
    ),
    "overwritten by a state that no longer names it": (
        log(
            writes("native", "1", "a"),
            writes("native", "1", "b"),
            hands("native", "codex"),
            takes("codex", 3),
        ),
        {
            "had it": ["native 1-3", "codex 4-4"],
            "changes": ["native to codex: taken over"],
            "open": ["a of native 1 at 1", "b of native 1 at 2"],
            "lost": ["a", "b"],
        },
    ),
    "a result that came before its call was named is another call's": (
        log(
            writes("codex", "1", done=["a"]),
            writes("native", "2", "a"),
            hands("native", "codex"),
            takes("codex", 3),
        ),
        {
            "had it": ["codex 1-1", "native 2-3", "codex 4-4"],
            "changes": ["codex to native: unannounced", "native to codex: taken over"],
            "open": ["a of native 2 at 2"],
            "lost": ["a"],
        },
    ),
}

STORIES = CHANGES | LATE | TURNS | CALLS


@pytest.mark.parametrize(("events", "facts"), STORIES.values(), ids=STORIES)
def test_the_audit_tells_the_story(events: list[Event], facts: dict[str, list[str]]) -> None:
    found = audit(events)
    assert facts_of(found) == facts
    faults = {"late", "ran twice", "lost"} & set(facts)
    unannounced = any(line.endswith("unannounced") for line in facts.get("changes", ()))
    assert found.ok is not bool(faults or unannounced)
