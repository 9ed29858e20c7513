"""The difference of two values costs twice as much for twice the elements, whatever they are.

Counted is what Python runs, and what is encoded to compare it: the two costs that do not
depend on the machine.
"""

import random
import sys
from collections.abc import Callable
from typing import Any

import pytest

from projections.compare import alignment
from projections.compare.difference import Difference, diff
from projections.compare.encoding import canonical
from projections.compare.paths import leaves

N = 160
LINEAR = 2.2
"""What twice the elements may cost: n log n at these sizes, and nothing with a square in it."""

OPERATION = 100
"""The most bytes of an operation here, without its value; ten levels take forty of them."""


def messages(n: int) -> list[Any]:
    return [{"role": "user", "content": f"{number:04}"} for number in range(n)]


def every_second_changed(n: int) -> tuple[Any, Any]:
    new = messages(n)
    for message in new[::2]:
        message["content"] += "!"
    return messages(n), new


def every_second_removed(n: int) -> tuple[Any, Any]:
    return messages(n), messages(n)[::2]


def reversal(n: int) -> tuple[Any, Any]:
    return messages(n), messages(n)[::-1]


def moved_block(n: int) -> tuple[Any, Any]:
    return messages(n), messages(n)[n // 3 :] + messages(n)[: n // 3]


def shuffled(n: int) -> tuple[Any, Any]:
    return messages(n), random.Random(n).sample(messages(n), n)


def emptied(n: int) -> tuple[Any, Any]:
    return messages(n), []


def two_values_inserted_at_both_ends(n: int) -> tuple[Any, Any]:
    return [0, 1] * n, [2, *[0, 1] * n, 3]


def two_values_at_random(n: int) -> tuple[Any, Any]:
    chance = random.Random(n)
    return chance.choices([0, 1], k=n), chance.choices([0, 1], k=n)


def each_value_forty_times(n: int) -> tuple[Any, Any]:
    chance = random.Random(n)
    each = range(100, 100 + n // 40)
    return chance.choices(each, k=n), chance.choices(each, k=n)


def keys_of_an_object(n: int) -> tuple[Any, Any]:
    return {str(key): key for key in range(n)}, {str(key): key + key % 2 for key in range(n)}


def nested_ten_deep(n: int) -> tuple[Any, Any]:
    return nested(10, *every_second_changed(n))


def nested(levels: int, old: Any, new: Any) -> tuple[Any, Any]:
    for _ in range(levels):
        old, new = [0, {"k": old}], [0, {"k": new}]
    return old, new


VALUES = [
    *(every_second_changed, every_second_removed, reversal, moved_block, shuffled, emptied),
    *(two_values_inserted_at_both_ends, two_values_at_random, each_value_forty_times),
    *(keys_of_an_object, nested_ten_deep),
]


def steps_of(call: Callable[[Difference], Any], difference: Difference) -> int:
    """How many instructions the interpreter runs for a call."""
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call(difference)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("values", VALUES)
def test_twice_the_elements_are_twice_the_steps(values: Callable[[int], tuple[Any, Any]]) -> None:
    """Of a patch, which never takes more of them than the lines, and of these."""
    small, large = values(N), values(2 * N)
    patch, patch_of_twice = (steps_of(lambda of: of.patch, diff(*both)) for both in (small, large))
    lines, lines_of_twice = (steps_of(Difference.lines, diff(*both)) for both in (small, large))
    assert 0 < patch <= lines
    assert patch_of_twice <= LINEAR * patch
    assert lines_of_twice <= LINEAR * lines


@pytest.mark.parametrize("values", VALUES)
def test_twice_the_elements_are_twice_the_bytes_that_are_compared(
    values: Callable[[int], tuple[Any, Any]], encoded: list[int]
) -> None:
    sizes = []
    for n in (N, 2 * N):
        encoded.clear()
        assert diff(*values(n)).patch
        sizes.append(sum(encoded))
    assert sizes[1] <= LINEAR * sizes[0]


@pytest.mark.parametrize("values", VALUES)
def test_a_patch_holds_no_value_twice(values: Callable[[int], tuple[Any, Any]]) -> None:
    """It is at most the new value and an operation for each leaf."""
    old, new = values(N)
    count = sum(1 for value in (old, new) for _ in leaves(value))
    assert len(canonical(diff(old, new).patch)) <= len(canonical(new)) + OPERATION * count


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all that is encoded to compare it."""
    sizes: list[int] = []

    def counted(value: Any) -> bytes:
        found = canonical(value)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(alignment, "canonical", counted)
    return sizes


def test_what_is_deep_in_objects_is_not_encoded_at_every_level(encoded: list[int]) -> None:
    old, new = ({"long": ["x" * 10_000, last]} for last in (1, 2))
    sizes = []
    for levels in (10, 20):
        encoded.clear()
        assert len(diff(*wrapped(levels, old, new)).patch) == 1
        sizes.append(sum(encoded))
    assert sizes[0] == sizes[1] > 0


def wrapped(levels: int, *values: Any) -> list[Any]:
    found = list(values)
    for _ in range(levels):
        found = [{"k": value, "n": 0} for value in found]
    return found
