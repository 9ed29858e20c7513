"""`set` and `get` with encryption at rest, beside the same without."""

import os

from journal.encryption import Encryption
from tests.benchmarks.measure import interleave
from tests.benchmarks.ours import Journal
from tests.benchmarks.results import OURS, Row, at_most, ratio
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_BLOCK, _SLOW_BLOCK = 100, 20
_PLAIN = "journal, plain"


def run(sizes: Sizes, folder: str, _: Shared) -> list[Row]:
    """The three rows."""
    return [
        _set(sizes, f"{folder}/os", sync=False),
        _set(sizes, f"{folder}/fsync", sync=True),
        _get(sizes, f"{folder}/get"),
    ]


def _pair(folder: str, *, sync: bool) -> tuple[Journal, Journal]:
    encryption = Encryption.from_keys(os.urandom(32))
    return (
        Journal(f"{folder}/encrypted", sync=sync, encryption=encryption),
        Journal(f"{folder}/plain", sync=sync),
    )


def _set(sizes: Sizes, folder: str, *, sync: bool) -> Row:
    encrypted, plain = _pair(folder, sync=sync)
    figures = interleave(
        {OURS: encrypted.set, _PLAIN: plain.set},
        rounds=sizes.slow_rounds if sync else sizes.rounds,
        block=_SLOW_BLOCK if sync else _BLOCK,
    )
    encrypted.close()
    plain.close()
    return Row(
        f'set encrypted, durability "{"fsync" if sync else "os"}"',
        figures,
        [at_most(_PLAIN, ratio(figures, OURS, _PLAIN), 1.5)],
    )


def _get(sizes: Sizes, folder: str) -> Row:
    encrypted, plain = _pair(folder, sync=False)
    for each in (encrypted, plain):
        each.fill(100)
    figures = interleave(
        {
            OURS: lambda index: encrypted.get(index % 100),
            _PLAIN: lambda index: plain.get(index % 100),
        },
        rounds=sizes.rounds,
        block=_BLOCK,
    )
    encrypted.close()
    plain.close()
    return Row(
        "get of an encrypted turn", figures, [at_most(_PLAIN, ratio(figures, OURS, _PLAIN), 4.0)]
    )
