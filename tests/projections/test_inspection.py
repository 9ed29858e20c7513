"""Naming, comparing and blaming states through the store, against what was done to it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from journal import (
    ClosedError,
    HistoryError,
    NotFoundError,
    SessionConfig,
    StateTypeError,
    StateValueError,
)
from projections import DefaultSessionStore
from projections.refs import Ref
from tests.faults.sizes import examples
from tests.projections.replay_model import (
    RUNTIMES,
    START,
    TURNS,
    Model,
    engines,
    fold,
    operations,
    session,
)

OPEN = {"status": "open", "calls": ["c-1"], "n": 1}
DONE = {"status": "done", "calls": ["c-1", "c-2"], "n": 1}
OTHER = {"status": "done", "calls": [], "by": "plugin"}


def fill(store: DefaultSessionStore) -> None:
    """1 and 2 are versions of native/t, 3 is plugin/t, 4 another turn, 5 a third version."""
    store.set_runtime_state("s", "native", "t", OPEN)
    store.set_runtime_state("s", "native", "t", DONE)
    store.set_runtime_state("s", "plugin", "t", OTHER)
    store.set_runtime_state("s", "native", "other", {})
    store.set_runtime_state("s", "native", "t", {**DONE, "n": 2})


def resolved(store: DefaultSessionStore, ref: Ref) -> Any:
    """The state, or that there is none."""
    try:
        return store.resolve("s", ref)
    except NotFoundError:
        return "missing"


@engines
@settings(max_examples=examples(1 / 2))
@given(todo=operations)
def test_a_turn_is_found_as_of_every_event_and_by_every_version(
    in_memory: bool, todo: list[tuple[Any, ...]]
) -> None:
    with session(in_memory, todo) as model:
        ends = [None, *range(len(model.events) + 1)]
        for runtime in RUNTIMES:
            for turn in TURNS:
                for at in ends:
                    view = fold(model.events[:at])
                    now = view.get(runtime, {}).get(turn, "missing")
                    assert resolved(model.store, Ref(runtime, turn, at)) == now
                versions = model.versions(runtime, turn)
                for back in range(1, len(versions) + 2):
                    state = versions[-1 - back][1] if back < len(versions) else None
                    found = resolved(model.store, Ref(runtime, turn, back=back))
                    assert found == ("missing" if state is None else state)


@engines
@settings(max_examples=examples(1 / 2))
@given(todo=operations)
def test_blame_names_the_event_since_which_a_value_is_what_it_is(
    in_memory: bool, todo: list[tuple[Any, ...]]
) -> None:
    with session(in_memory, todo) as model:
        for runtime in RUNTIMES:
            for turn in TURNS:
                for at in (None, *range(len(model.events) + 1)):
                    assert blamed(model, runtime, turn, at) == blamed_by_hand(
                        model, runtime, turn, at
                    )


def blamed(model: Model, runtime: str, turn: str, at: int | None) -> list[tuple[str, int, int]]:
    try:
        found = model.store.blame("s", runtime, turn, at)
    except NotFoundError:
        return []
    return [(leaf.path, leaf.value, leaf.event.seq) for leaf in found]


def blamed_by_hand(
    model: Model, runtime: str, turn: str, at: int | None
) -> list[tuple[str, int, int]]:
    """States of the model are `{"n": number}`."""
    versions = [v for v in model.versions(runtime, turn) if at is None or v[0] <= at]
    if not versions or versions[-1][1] is None:
        return []
    number = versions[-1][1]["n"]
    since = 0
    for seq, state in reversed(versions):
        if state != {"n": number}:
            break
        since = seq
    return [("n", number, since)]


class TestResolve:
    @pytest.mark.parametrize(
        ("ref", "state"),
        [
            ("native/t", {**DONE, "n": 2}),
            ("native/t~0", {**DONE, "n": 2}),
            ("native/t~", DONE),
            ("native/t~2", OPEN),
            ("native/t@1", OPEN),
            ("native/t@4", DONE),
            ("native/t@4~1", OPEN),
            ("native/t@5~1", DONE),
            ("native", {"t": {**DONE, "n": 2}, "other": {}}),
            ("native/other", {}),
            ("native@3", {"t": DONE}),
            ("@1", {"native": {"t": OPEN}}),
            (1, {"native": {"t": OPEN}}),
            (0, {}),
            ("@0", {}),
            (Ref("plugin", "t", at="5"), OTHER),
            (Ref("native", "t", at="2999-01-01", back=2), OPEN),
        ],
    )
    def test_a_ref_names_a_state(
        self, store: DefaultSessionStore, ref: Ref | str | int, state: Any
    ) -> None:
        fill(store)
        for _ in range(2):
            assert json.dumps(store.resolve("s", ref)) == json.dumps(state)
            store.compact("s")

    @pytest.mark.parametrize(
        ("ref", "why"),
        [
            ("none", "no runtime 'none'$"),
            ("none/t", "no turn 't' of runtime 'none'$"),
            ("native/none", "no turn 'none' of runtime 'native'$"),
            ("plugin@2", "no runtime 'plugin' as of 2$"),
            ("plugin/t@2", "no turn 't' of runtime 'plugin' as of 2$"),
            ("native/t@0", "no turn 't' of runtime 'native' as of 0$"),
            ("native/t~3", "native/t~3.* 3 versions"),
            ("plugin/t~1", "plugin/t~1.* 1 version"),
            ("native/none~1", "'?none"),
            ("native/t@1~1", "native/t@1~1.* 1 version"),
            ("@6", "no event 6 yet; its last is 5"),
            ("native/t@6", "no event 6 yet"),
            ("native/t@6~1", "no event 6 yet"),
        ],
    )
    def test_what_is_missing_is_named(
        self, store: DefaultSessionStore, ref: str, why: str
    ) -> None:
        fill(store)
        with pytest.raises(NotFoundError, match=f"session 's'.*{why}"):
            store.resolve("s", ref)

    def test_a_cleared_version_is_missing_and_the_event_named(
        self, store: DefaultSessionStore
    ) -> None:
        fill(store)
        store.clear_runtime_state("s", "native")
        with pytest.raises(NotFoundError, match="no turn 't' of runtime 'native'"):
            store.resolve("s", "native/t")
        assert store.resolve("s", "native/t~1") == {**DONE, "n": 2}
        store.set_runtime_state("s", "native", "t", OPEN)
        with pytest.raises(NotFoundError, match="cleared then, by event 6"):
            store.resolve("s", "native/t~1")
        assert store.resolve("s", "native/t~2") == {**DONE, "n": 2}

    def test_a_session_that_does_not_exist_has_nothing(self, store: DefaultSessionStore) -> None:
        assert store.resolve("none", "@now") == store.resolve("none", Ref()) == {}
        for ref in ("r", "r/t", "r/t~1", "r/t@now"):
            with pytest.raises(NotFoundError, match="session 'none'"):
                store.resolve("none", ref)

    def test_nonsense_is_refused(self, store: DefaultSessionStore) -> None:
        for ref in ("", "a/b/c", "a@soon"):
            with pytest.raises(StateValueError):
                store.resolve("s", ref)
        with pytest.raises(StateTypeError):
            store.resolve("s", None)  # type: ignore[arg-type]
        with pytest.raises(StateTypeError, match="session_id"):
            store.resolve(7, 0)  # type: ignore[arg-type]

    def test_what_was_dropped_is_not_said_never_to_have_been(
        self, store: DefaultSessionStore
    ) -> None:
        fill(store)
        store.compact("s", "drop")
        assert store.resolve("s", "native/t") == store.resolve("s", "native/t@5")
        for ref in ("native/t@4", "native/t~1", "native/t~2", "@1", "native/t@4~1"):
            with pytest.raises(HistoryError, match=r"session 's'.*before event 5"):
                store.resolve("s", ref)
        store.set_runtime_state("s", "native", "t", OPEN)
        assert store.resolve("s", "native/t~1") == {**DONE, "n": 2}
        with pytest.raises(HistoryError):
            store.resolve("s", "native/t~2")


class TestDiff:
    def test_two_versions_of_a_turn(self, store: DefaultSessionStore) -> None:
        fill(store)
        found = store.diff("s", "native/t@1", "native/t@2")
        assert found.text() == '~ status: "open" → "done"\n+ calls[1]: "c-2"'
        assert (found.old, found.new) == (OPEN, DONE)
        assert store.diff("s", "native/t~2", "native/t~1").patch == found.patch
        assert not store.diff("s", "native/t@2", "native/t@4")

    def test_without_a_second_ref_a_turn_shows_its_last_change(
        self, store: DefaultSessionStore
    ) -> None:
        fill(store)
        found = store.diff("s", "native/t")
        assert (found.old, found.new) == (DONE, {**DONE, "n": 2})
        assert store.diff("s", Ref("native", "t")).patch == found.patch

    @pytest.mark.parametrize("old", ["native/t@1", "native/t~2", Ref("native", "t", at=1)])
    def test_without_a_second_ref_the_past_is_compared_with_now(
        self, store: DefaultSessionStore, old: Ref | str
    ) -> None:
        fill(store)
        found = store.diff("s", old)
        assert (found.old, found.new) == (OPEN, {**DONE, "n": 2})

    def test_a_view_and_a_runtime_are_compared_with_now_too(
        self, store: DefaultSessionStore
    ) -> None:
        fill(store)
        assert store.diff("s", 0).new == store.state_at("s")
        assert store.diff("s", "@3").old == {"native": {"t": DONE}, "plugin": {"t": OTHER}}
        found = store.diff("s", "native@2")
        assert found.old == {"t": DONE}
        assert found.new == {"t": {**DONE, "n": 2}, "other": {}}
        assert not store.diff("s", "plugin"), "a runtime has no versions: now with now"

    def test_two_runtimes_versions_of_a_turn(self, store: DefaultSessionStore) -> None:
        fill(store)
        found = store.diff("s", "native/t@2", "plugin/t")
        assert (found.old, found.new) == (DONE, OTHER)

    def test_two_moments(self) -> None:
        with session(in_memory=False) as model:
            model.set(("native", "t", 1))
            model.pass_time(60)
            model.set(("native", "t", 2))
            model.pass_time(60)
            model.set(("native", "t", 3))
            first, second = START, START + timedelta(seconds=119)
            found = model.store.diff("s", first, second)
            assert (found.old, found.new) == (
                {"native": {"t": {"n": 1}}},
                {"native": {"t": {"n": 2}}},
            )
            by_text = model.store.diff(
                "s", f"native/t@{first.isoformat()}", f"native/t@{second.isoformat()}"
            )
            assert by_text.text() == "~ n: 1 → 2"

    @pytest.mark.parametrize(
        ("old", "new", "missing"),
        [
            ("native/none", None, "none"),
            ("plugin/t", None, "plugin/t~1"),
            ("native/t@1", "plugin/none", "turn 'none' of runtime 'plugin'"),
            ("native/t@9", "native/t", "event 9"),
        ],
    )
    def test_what_is_missing_is_named(
        self, store: DefaultSessionStore, old: str, new: str | None, missing: str
    ) -> None:
        fill(store)
        with pytest.raises(NotFoundError, match=missing):
            store.diff("s", old, new)


class TestBlame:
    def test_across_compactions_every_value_has_its_event(
        self, store: DefaultSessionStore
    ) -> None:
        for number in range(3):
            fill(store)
            found = store.blame("s", "native", "t")
            first = 5 * number
            assert {leaf.path: leaf.event.seq - first for leaf in found} == {
                "status": 2,
                "calls[0]": 1 - first,
                "calls[1]": 2,
                "n": 5,
            }
            store.compact("s")
            assert store.blame("s", "native", "t") == found

    def test_as_of_an_event(self, store: DefaultSessionStore) -> None:
        fill(store)
        found = store.blame("s", "native", "t", at=1)
        assert {leaf.path: leaf.event.seq for leaf in found} == {
            "status": 1,
            "calls[0]": 1,
            "n": 1,
        }
        assert store.blame("s", "native", "t", at="4") == store.blame("s", "native", "t", at=2)

    @pytest.mark.parametrize(
        ("turn", "at", "why"),
        [
            ("none", None, "turn 'none' of runtime 'native'"),
            ("t", 0, "turn 't' .* as of 0"),
            ("other", 3, "turn 'other' .* as of 3"),
            ("t", 6, "no event 6 yet"),
        ],
    )
    def test_what_is_missing_is_named(
        self, store: DefaultSessionStore, turn: str, at: int | None, why: str
    ) -> None:
        fill(store)
        with pytest.raises(NotFoundError, match=why):
            store.blame("s", "native", turn, at)

    def test_a_cleared_turn_has_no_values(self, store: DefaultSessionStore) -> None:
        fill(store)
        store.clear_runtime_state("s")
        with pytest.raises(NotFoundError, match="turn 't'"):
            store.blame("s", "native", "t")
        assert store.blame("s", "native", "t", at=5)

    def test_what_was_dropped_is_not_guessed(self, store: DefaultSessionStore) -> None:
        fill(store)
        store.compact("s", "drop")
        assert {leaf.event.seq for leaf in store.blame("s", "native", "t")} == {5}
        for at in (1, 4):
            with pytest.raises(HistoryError, match="before event 5"):
                store.blame("s", "native", "t", at)


def test_now_is_known_also_where_the_last_events_were_dropped(tmp_path: Path) -> None:
    """A moment after the compaction is after everything that the compaction folded."""
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "native", "t", OPEN)
        before = datetime.now(UTC)
        store.set_runtime_state("s", "plugin", "t", DONE)
        store.clear_runtime_state("s", "plugin")
        store.compact("s", "drop")
        assert store.state_at("s", "now") == {"native": {"t": OPEN}}
        with pytest.raises(HistoryError):
            store.state_at("s", before)


def test_a_session_of_praisonai_has_a_present_and_no_past(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    file.write_text(json.dumps({"session_id": "s", "runtime_state": {"native": {"t": OPEN}}}))
    before = file.read_bytes()
    with DefaultSessionStore(tmp_path, durability="os") as store:
        assert store.resolve("s", "native/t") == OPEN
        assert store.resolve("s", Ref()) == {"native": {"t": OPEN}}
        assert store.state_at("s", 0) == {}
        assert not store.diff("s", "native", "native")
        with pytest.raises(NotFoundError):
            store.resolve("s", "native/t@now")
        with pytest.raises(NotFoundError):
            store.diff("s", "native/t")
        store.set_runtime_state("s", "native", "t", DONE)
        assert store.diff("s", "native/t").old == OPEN, "now that it has a log, it has a past"
    assert file.read_bytes() != before
    assert list(tmp_path.glob("*.jsonl"))


def test_the_audit_is_of_the_whole_past(store: DefaultSessionStore) -> None:
    store.set_runtime_state("s", "native", "t", OPEN)
    store.set_runtime_state("s", "native", "t", DONE)
    store.hand_off("s", "native", "plugin", "t", "better at tools")
    store.compact("s")
    store.take_over("s", "plugin")
    store.set_runtime_state("s", "plugin", "t2", OTHER)
    (change,) = store.audit("s").changes
    assert (change.source, change.target, change.reason) == ("native", "plugin", "better at tools")
    assert (change.handoff_seq, change.takeover_seq, change.seen_seq) == (3, 4, 3)


LOOKING_BACK: dict[str, Callable[[DefaultSessionStore, str], object]] = {
    "audit": lambda store, session: store.audit(session),
    "replay": lambda store, session: store.replay(session),
    "replay at a speed": lambda store, session: store.replay(session, speed=1.0),
    "history": lambda store, session: store.history(session, "native", "t"),
}


@pytest.mark.parametrize("look", LOOKING_BACK.values(), ids=LOOKING_BACK)
def test_a_session_that_does_not_exist_is_an_error_at_once(
    store: DefaultSessionStore, look: Callable[[DefaultSessionStore, str], object]
) -> None:
    fill(store)
    look(store, "s")
    for name in ("none", "S", "s/"):
        with pytest.raises(NotFoundError, match=f"^there is no session '{name}'$"):
            look(store, name)
    store.delete_session("s")
    with pytest.raises(NotFoundError):
        look(store, "s")
    in_memory = SessionConfig(persist=False, mirror_runtime_state=True)
    with DefaultSessionStore(config=in_memory) as other, pytest.raises(NotFoundError):
        look(other, "s")


@pytest.mark.parametrize("look", LOOKING_BACK.values(), ids=LOOKING_BACK)
def test_a_session_that_has_no_events_exists(
    tmp_path: Path, look: Callable[[DefaultSessionStore, str], object]
) -> None:
    """PraisonAI keeps it, or all of its turns were cleared and forgotten."""
    view = {"session_id": "old", "runtime_state": {"native": {"t": OPEN}}, "messages": []}
    (tmp_path / "old.json").write_text(json.dumps(view))
    with DefaultSessionStore(tmp_path, durability="os", history="drop") as store:
        store.set_runtime_state("cleared", "native", "t", OPEN)
        store.clear_runtime_state("cleared")
        store.compact("cleared")
        for session in ("old", "cleared"):
            look(store, session)
        assert store.audit("old").changes == ()
        assert list(store.replay("old")) == []
        assert store.history("old", "native", "t") == []


def test_ids_that_are_no_strings_are_refused_before_the_session_is_looked_for(
    store: DefaultSessionStore,
) -> None:
    not_text: Any = 7
    for ids in ((not_text, "t"), ("native", not_text)):
        with pytest.raises(StateTypeError):
            store.history("none", *ids)


def test_nothing_is_looked_at_after_close(store: DefaultSessionStore) -> None:
    fill(store)
    store.close()
    for ask in (
        lambda: store.resolve("s", "native/t"),
        lambda: store.resolve("s", 0),
        lambda: store.diff("s", "native/t"),
        lambda: store.blame("s", "native", "t"),
        lambda: store.audit("s"),
        lambda: store.past("s"),
    ):
        with pytest.raises(ClosedError):
            ask()


def test_looking_back_creates_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    with DefaultSessionStore(folder, durability="os") as store:
        assert store.past("s") is None
        assert store.state_at("s") == store.state_at("s", "now") == {}
        for look in LOOKING_BACK.values():
            with pytest.raises(NotFoundError):
                look(store, "s")
    assert not folder.exists()


def test_a_store_that_does_not_mirror_can_still_look_back(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        fill(store)
    with DefaultSessionStore(tmp_path, config=SessionConfig()) as store:
        assert store.resolve("s", "native/t~2") == OPEN
