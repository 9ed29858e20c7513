"""A turn of an agent, mirrored, on top of the same turn without us; in the older build too."""

from contextlib import ExitStack

from tests.benchmarks.builds import OLDER, add_frameworks
from tests.benchmarks.children import HERE, Build, Child
from tests.benchmarks.measure import Stats, interleave
from tests.benchmarks.results import OURS, Row, at_most
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

FRAMEWORKS = ("PraisonAI chat", "PraisonAI achat", "OpenAI Agents SDK", "Pydantic AI")

_WITHOUT = "without"
_OLDER_WITHOUT = f"{OLDER}, without"
_FEW, _MANY = 2, 200
_BLOCK = 10


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """A row for each way to run an agent, and one for a turn with very many calls."""
    older = shared.older
    add_frameworks(older)
    rows = [_compared(sizes, f"{folder}/{name}", name, older) for name in FRAMEWORKS]
    return [*rows, _many(sizes, f"{folder}/many")]


def _compared(sizes: Sizes, folder: str, name: str, older: Build) -> Row:
    contenders = {
        OURS: (HERE, True),
        _WITHOUT: (HERE, False),
        OLDER: (older, True),
        _OLDER_WITHOUT: (older, False),
    }
    with ExitStack() as held:
        children = {
            contender: held.enter_context(_child(build, folder, contender, name, mirrored, _FEW))
            for contender, (build, mirrored) in contenders.items()
        }
        figures = _measured(children, sizes.slow_rounds)
    ours = figures[OURS].median - figures[_WITHOUT].median
    theirs = figures[OLDER].median - figures[_OLDER_WITHOUT].median
    return Row(
        f"a mirrored turn, {name}",
        figures,
        [
            at_most("on top of the turn itself", ours, 0.001, "s"),
            at_most(f"of what {OLDER} takes on top", ours / theirs, 0.6),
        ],
    )


def _many(sizes: Sizes, folder: str) -> Row:
    """In Pydantic AI, which runs all of them side by side."""
    with ExitStack() as held:
        children = {
            contender: held.enter_context(
                _child(HERE, folder, contender, "Pydantic AI", contender == OURS, _MANY)
            )
            for contender in (OURS, _WITHOUT)
        }
        figures = _measured(children, sizes.repeats)
    more = figures[OURS].median - figures[_WITHOUT].median
    return Row(
        f"a mirrored turn with {_MANY} calls, Pydantic AI",
        figures,
        [at_most("on top of the turn itself", more, 0.025, "s")],
    )


def _child(
    build: Build, folder: str, contender: str, name: str, mirrored: bool, calls: int
) -> Child:
    return Child(
        "agents.turns",
        build=build,
        framework=name,
        folder=f"{folder}/{contender}",
        mirrored=mirrored,
        calls=calls,
    )


def _measured(children: dict[str, Child], rounds: int) -> dict[str, Stats]:
    for child in children.values():
        child.hear()
    blocks = {name: child.block for name, child in children.items()}
    return interleave({}, rounds=rounds, block=_BLOCK, elsewhere=blocks)
