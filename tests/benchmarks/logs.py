"""Long logs: how to build and to read them."""

import os
import shutil
from hashlib import sha256

import msgspec

from journal.codec import HASH_DIGITS
from journal.events import Set
from projections import DefaultSessionStore
from tests.benchmarks.artefacts import RUNTIME, SESSION, STATE, turn_id

_BATCH = 1_000


def build(folder: str, events: int, turns: int) -> str:
    """A log of so many sets, of so many turns in a row again and again. Returns its path."""
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        for first in range(0, events, _BATCH):
            store.set_many(
                SESSION,
                [
                    (RUNTIME, turn_id(index % turns), STATE)
                    for index in range(first, min(first + _BATCH, events))
                ],
            )
    return f"{folder}/{SESSION}.jsonl"


def verify(folder: str) -> None:
    """Read all of it, verified: every line is decoded and hashed, and so is the chain."""
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        if not store.verify(SESSION).ok:
            raise AssertionError("the session is not what was built")


def copy(original: str, folder: str) -> str:
    """Have a copy of a folder of sessions, on the disk, instead of `folder`, which it returns."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(original, folder)
    os.sync()  # or who uses it waits for the copy to reach the disk
    return folder


_decode = msgspec.json.Decoder(Set).decode


def decode_and_hash(path: str) -> None:
    """The floor of that: each line decoded and hashed in a bare loop, a piece at a time."""
    rest = b""
    with open(path, "rb") as file:
        file.readline()
        while piece := file.read(1 << 20):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                record = _decode(line)
                state = sha256(record.state).hexdigest()
                covered = line[: -len(record.state) - 90]
                sha256(covered + state.encode()).hexdigest()[:HASH_DIGITS]
