"""The engines that the contract is held against, each made by a factory of its own."""

from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import TypeAlias

import pytest

from journal.backend import Backend
from journal.encryption import Encryption
from journal.encryption.backend import EncryptedBackend
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.memory import MemoryDirectory
from tests.journal.engines.cas.engine import CasEngine
from tests.journal.engines.cas.narrow import TROUBLE, NarrowStore

Make: TypeAlias = Callable[[Path], Backend]


def encrypting(make: Make) -> Make:
    """The same engine with encryption on."""
    return lambda folder: EncryptedBackend(make(folder), Encryption.from_keys(b"k" * 32))


ENGINES: dict[str, Make] = {
    "files": lambda folder: Directory(str(folder), LogOptions(durability="os")),
    "files, synced": lambda folder: Directory(str(folder), LogOptions()),
    "memory": lambda folder: MemoryDirectory(),
    "compare and swap": lambda folder: CasEngine(NarrowStore()),
    "compare and swap, with trouble": lambda folder: CasEngine(NarrowStore(cycle(TROUBLE))),
}
ENGINES |= {f"{name}, encrypted": encrypting(make) for name, make in ENGINES.items()}
"""By name: makes an engine, which may use the folder."""


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    made = ENGINES[request.param](tmp_path)
    yield made
    made.close()
