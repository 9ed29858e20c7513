"""The last events of a session, read from the end of its log: as if all of it were read."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.engines.files import backwards
from journal.errors import JournalError, NotFoundError
from projections import DefaultSessionStore
from projections.cli.arguments.filters import Filter
from projections.cli.events.backlog import Backlog
from projections.cli.lines.effects import Effects
from projections.cli.sessions.opening import require_log, require_session
from projections.refs import Ref
from tests.projections.replay_model import do, operations, runtimes, session, turns

ALL = 1 << 60
drops = st.tuples(st.just("compact"), st.just("drop"))


@pytest.fixture(autouse=True)
def _no_log_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs of any size are read backwards, unless `reading_all`."""
    monkeypatch.setattr(backwards, "_SHORT", 0)


def last_of(
    store: DefaultSessionStore,
    runtime: str | None,
    lines: int,
    last: float,
    *,
    reverse: bool = False,
    with_effects: bool = True,
) -> Any:
    """What `log` prints of it, and where it goes on; or what it raises."""
    chosen = Filter()
    if runtime is not None:
        chosen.runtimes([runtime])
    effects = Effects(lambda *_: None) if with_effects else None
    try:
        backlog = Backlog(store, "s", None, effects, last)
        found = list(backlog.choose(chosen, lines, reverse))
    except JournalError as error:
        return str(error)
    return found, backlog.cursor, backlog.floor, backlog.log_id


def reading_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(backwards, "_SHORT", ALL)


def damage(store: DefaultSessionStore, edits: list[tuple[float, int, bytes]]) -> None:
    path = Path(store.session_dir or "") / "s.jsonl"
    if not path.exists():
        return
    data = path.read_bytes()
    for share, length, new in edits:
        place = int(share * len(data))
        data = data[:place] + new + data[place + length :]
    path.write_bytes(data)


edits = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 400),
        st.sampled_from([b"", b"\n", b"\n\n", b"x", b"\0" * 9]),
    ),
    max_size=2,
)


def is_compaction(operation: Any) -> bool:
    return bool(operation[0] == "compact")


histories = st.one_of(
    operations.map(lambda todo: [each for each in todo if not is_compaction(each)]),
    operations,
    st.builds(lambda before, how, after: [*before, how, *after], operations, drops, operations),
)


@given(
    todo=histories,
    damages=st.just([]) | st.just([]) | edits,
    runtime=st.none() | runtimes,
    lines=st.integers(0, 12),
    left_out=st.integers(0, 3),
    flags=st.tuples(st.booleans(), st.booleans()),
)
def test_the_last_events_and_what_they_changed_are_those_of_reading_all(
    todo: list[Any],
    damages: list[tuple[float, int, bytes]],
    runtime: str | None,
    lines: int,
    left_out: int,
    flags: tuple[bool, bool],
) -> None:
    """Over clears, handoffs, compactions and damage; up to any event; of one runtime, or all."""
    with session(in_memory=False) as model, pytest.MonkeyPatch.context() as patch:
        do(model, todo)
        damage(model.store, damages)
        reverse, with_effects = flags
        last = len(model.events) - left_out if left_out else float("inf")

        def found() -> Any:
            return last_of(
                model.store, runtime, lines, last, reverse=reverse, with_effects=with_effects
            )

        backwards_found = found()
        reading_all(patch)
        assert backwards_found == found()


@given(todo=histories, damages=st.just([]) | edits, runtime=runtimes, turn=turns)
def test_a_turn_is_the_one_that_reading_all_gives(
    todo: list[Any], damages: list[tuple[float, int, bytes]], runtime: str, turn: str
) -> None:
    with session(in_memory=False) as model, pytest.MonkeyPatch.context() as patch:
        do(model, todo)
        damage(model.store, damages)

        def state() -> Any:
            with DefaultSessionStore(model.store.session_dir) as store:
                try:
                    return store.resolve("s", Ref(runtime, turn))
                except JournalError as error:
                    return str(error)

        backwards_found = state()
        reading_all(patch)
        assert backwards_found == state()


def test_a_turn_of_an_intact_log_is_not_looked_for_in_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with session(in_memory=True) as model:
        do(
            model,
            [("set", ("native", "t1", 1)), ("set", ("native", "t2", 2)), ("clear", "plugin")],
        )
        monkeypatch.setattr(model.store, "_view_now", lambda _: pytest.fail("all was read"))
        assert model.store.resolve("s", "native/t1") == {"n": 1}
        assert model.store.resolve("s", "native/t2") == {"n": 2}


@pytest.mark.parametrize("require", [require_session, require_log])
def test_that_a_session_is_there_is_seen_at_its_end(
    monkeypatch: pytest.MonkeyPatch, require: Any
) -> None:
    with session(in_memory=True) as model:
        with pytest.raises(NotFoundError):
            require(model.store, "s")
        do(model, [("set", ("native", "t1", 1)), ("set", ("native", "t2", 2))])
        monkeypatch.setattr(model.store, "session_exists", lambda _: pytest.fail("all was read"))
        monkeypatch.setattr(model.store, "past", lambda *_, **__: pytest.fail("all was read"))
        require(model.store, "s")
