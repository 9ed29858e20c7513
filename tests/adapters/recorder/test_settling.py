"""A turn that has ended before its last figures are known, which may be added to it."""

import asyncio

from projections import DefaultSessionStore
from projections.adapters.context import CallContext
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Turn
from tests.adapters.recorder.ways import inside, new, states, story


class Work:
    session_id = "s"


def test_what_becomes_known_is_added_when_it_is_closed(store: DefaultSessionStore) -> None:
    async def main() -> None:
        await recorder.aopen(turn)
        await recorder.asettle(turn)
        assert store.get_runtime_state("s", "triage", "turn-1")["status"] == "completed"
        turn.model_answered("large", {"output_tokens": 7})
        await recorder.aclose(turn, "cancelled")
        turn.model_answered("large", {"output_tokens": 7})
        await recorder.aclose(turn)

    recorder, turn = Recorder(store), new()
    asyncio.run(main())
    assert states(store) == [("open", {}), ("completed", {}), ("completed", {})]
    state = store.get_runtime_state("s", "triage", "turn-1")
    assert state["usage"] == {"output_tokens": 7}, "once"


def test_one_that_goes_wrong_after_all_has_gone_wrong(store: DefaultSessionStore) -> None:
    async def main() -> None:
        await recorder.aopen(turn)
        await recorder.asettle(turn)
        await recorder.aclose(turn, "error", ValueError("the last check"))

    recorder, turn = Recorder(store), new()
    asyncio.run(main())
    state = store.get_runtime_state("s", "triage", "turn-1")
    assert (state["status"], state["error"]) == ("error", "ValueError: the last check")


def test_nothing_is_added_once_another_has_the_session(store: DefaultSessionStore) -> None:
    """It would be a late write."""

    async def main() -> None:
        await recorder.aopen(turn)
        await recorder.asettle(turn)
        await recorder.aopen(other)
        await recorder.aclose(other)
        await recorder.aclose(turn)

    recorder, turn, other = Recorder(store), new(), new("billing", "turn-2")
    asyncio.run(main())
    assert story(store) == [
        "triage turn-1 open",
        "triage turn-1 completed",
        "triage -> billing: the turn before is over",
        "billing takes over 3",
        "billing turn-2 open",
        "billing turn-2 completed",
    ]
    assert store.audit("s").ok


def test_one_that_was_called_for_hands_back_when_it_is_closed(store: DefaultSessionStore) -> None:
    """Whoever it calls for until then is called for by it."""

    async def main() -> None:
        await recorder.aopen(outer)
        outer.handed_to(turn)
        await recorder.aopen(turn)
        await recorder.asettle(turn)
        here.calls_for(inner)
        await recorder.aopen(inner)
        await recorder.aclose(inner)
        await recorder.aclose(turn)
        await recorder.aclose(outer)

    recorder, outer, inner = Recorder(store), new("outer", "turn-0"), new("inner", "turn-2")
    turn: Turn = inside(outer, "triage", "turn-1", None)
    here = CallContext(recorder, Work(), turn)
    asyncio.run(main())
    assert here.session_id is None, "it is over now"
    audit = store.audit("s")
    assert audit.ok
    assert [(each.source, each.target) for each in audit.changes] == [
        ("outer", "triage"),
        ("triage", "inner"),
        ("inner", "triage"),
        ("triage", "outer"),
    ]
