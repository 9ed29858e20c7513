"""That the counter sees what it is there to see: a loop that is twice as long."""

from tests.growth.counting import Calls, calls, steps


def test_a_loop_of_twice_the_length_takes_twice_the_steps() -> None:
    def loop(times: int) -> list[int]:
        return [number + 1 for number in range(times)]

    once, twice = steps(lambda: loop(1000)), steps(lambda: loop(2000))
    assert 1.9 < twice / once < 2.1


def test_what_happens_outside_of_the_call_is_not_counted() -> None:
    before = steps(lambda: None)
    sum(number for number in range(1000))
    assert steps(lambda: None) == before


def test_calls_are_counted_with_their_depth() -> None:
    def inner() -> None:
        pass

    def outer() -> None:
        inner()
        inner()

    def both() -> None:
        outer()
        inner()

    assert calls(lambda: None) == Calls(0, 0)
    assert calls(both) == Calls(4, 2)
