"""Against the system that this one re-implements, both without sync, session file included."""

from tests.benchmarks.measure import Operation, Stats, interleave
from tests.benchmarks.ours import Journal
from tests.benchmarks.peers import PraisonAI
from tests.benchmarks.results import OURS, Goal, Row, at_least, ratio
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_JSON, _SQLITE = "PraisonAI JSON", "PraisonAI SQLite"
_ROUNDS, _BLOCK = 4, 3
_FACTORS = (100.0, 1_000.0)


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """A `set` in sessions of two lengths, and a `get` in the longer."""
    shorter, longer = sizes.praisonai_turns
    with_shorter = _Both(f"{folder}/shorter", shorter, sizes.stretch)
    with_longer = _Both(f"{folder}/longer", longer, sizes.stretch)
    found = [
        (f"set in a session of {shorter:,} turns", with_shorter.sets(), _FACTORS[0]),
        (f"set in a session of {longer:,} turns", with_longer.sets(), _FACTORS[1]),
        (f"get of one turn of {longer:,}", with_longer.gets(), _FACTORS[1]),
    ]
    note = f"ours are means over stretches of {sizes.stretch:,}"
    return [Row(name, figures, [_goal(figures, factor)], note) for name, figures, factor in found]


def _goal(figures: dict[str, Stats], factor: float) -> Goal:
    return at_least("as fast as PraisonAI's JSON store", ratio(figures, _JSON, OURS), factor)


class _Both:
    """A session of so many turns, here and there.

    Of ours, whole stretches are timed, so that refreshes of the session file have their share.
    """

    def __init__(self, folder: str, turns: int, stretch: int) -> None:
        self._turns, self._stretch = turns, stretch
        self._ours = Journal(f"{folder}/journal", sync=False)
        self._json = PraisonAI.json(f"{folder}/json")
        self._sqlite = PraisonAI.sqlite(f"{folder}/sqlite")
        for store in (self._ours, self._json, self._sqlite):
            store.fill(turns)

    def sets(self) -> dict[str, Stats]:
        """Turns are overwritten, so that the sessions stay as long as they are."""
        return self._compare(self._ours.set, self._json.set, self._sqlite.set)

    def gets(self) -> dict[str, Stats]:
        return self._compare(self._ours.get, self._json.get, self._sqlite.get)

    def _compare(self, ours: Operation, json: Operation, sqlite: Operation) -> dict[str, Stats]:
        turns, stretch = self._turns, self._stretch

        def many(number: int) -> None:
            for index in range(number * stretch, (number + 1) * stretch):
                ours(index % turns)

        operations: dict[str, Operation] = {
            OURS: many,
            _JSON: lambda index: json(index % turns),
            _SQLITE: lambda index: sqlite(index % turns),
        }
        figures = interleave(operations, rounds=_ROUNDS, block=_BLOCK)
        return figures | {OURS: figures[OURS].each(stretch)}
