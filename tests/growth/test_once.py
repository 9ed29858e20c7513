"""What an append under a key costs: the same, however many keys the log knows."""

from functools import partial
from pathlib import Path

from projections import DefaultSessionStore
from tests.growth.counting import steps


def test_a_key_more_costs_the_same_whether_it_is_new_or_known(tmp_path: Path) -> None:
    def costs(keys: int) -> tuple[int, int]:
        with DefaultSessionStore(
            tmp_path / str(keys), durability="os", auto_compact=False
        ) as store:
            for number in range(keys):
                store.append_once(f"key-{number}", "s", "native", "t", {})

            def least(*tries: str) -> int:
                return min(
                    steps(partial(store.append_once, key, "s", "native", "t", {})) for key in tries
                )

            return least("key-1", "key-2", "key-3"), least("new-1", "new-2", "new-3")

    costs(10)  # which imports what it needs
    some, more = costs(200), costs(400)
    for one, other in zip(some, more, strict=True):
        assert other <= one + 100, "a look at another second of the clock, at most"
