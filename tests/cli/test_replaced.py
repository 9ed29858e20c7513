"""What events replaced, found backwards: the same as by folding all that was before."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from journal.events import Clear, Event, Handoff, Set
from projections.cli.events.replaced import Replaced
from projections.cli.lines.effects import Effect, Effects
from projections.view import View
from tests.support import set_event

RUNTIMES = ["a", "b"]
events = st.one_of(
    st.builds(set_event, st.sampled_from(["t1", "t2"]), st.integers(), st.sampled_from(RUNTIMES)),
    st.builds(Clear, runtime_id=st.none() | st.sampled_from(RUNTIMES)),
    st.just(Handoff(source="a", target="b")),
)
logs = st.lists(events, max_size=14).map(
    lambda made: [replace(event, seq=number) for number, event in enumerate(made, 1)]
)


def by_folding(log: list[Event]) -> dict[int, Effect]:
    effects = Effects(lambda *_: None)
    effects.begin("s", View())
    return {event.seq: effects.effect_of("s", event) for event in log}


@settings(max_examples=300)
@given(log=logs, asked=st.integers(0, 2**14))
def test_the_effects_of_any_events_are_those_of_folding(log: list[Event], asked: int) -> None:
    """And it is settled no sooner than they are known."""
    known = by_folding(log)
    replaced = Replaced()
    waiting: set[int] = set()
    for event in reversed(log):
        replaced.meet(event)
        if asked >> event.seq & 1:
            replaced.ask(event)
            waiting.add(event.seq)
        assert replaced.is_settled == (waiting == replaced.effects.keys())
    replaced.end()
    assert replaced.is_settled
    assert replaced.effects == {seq: known[seq] for seq in waiting}


@given(log=logs, last=st.sampled_from([set_event("t1", None, "a"), Clear(runtime_id="a")]))
def test_it_is_settled_as_soon_as_an_older_event_tells(log: list[Event], last: Event) -> None:
    """A clear of the runtime, or of all, does, and of a set another set of the turn."""
    replaced = Replaced()
    replaced.ask(replace(last, seq=99))
    for event in reversed(log):
        replaced.meet(event)
        if isinstance(event, Clear):
            tells = event.runtime_id in ("a", None)
        else:
            tells = isinstance(event, Set) and isinstance(last, Set) and is_of(event, last)
        assert replaced.is_settled == tells
        if tells:
            return


def is_of(event: Set, other: Set) -> bool:
    return (event.runtime_id, event.turn_id) == (other.runtime_id, other.turn_id)
