"""Snapshots of logs of any length, and what may become of the file."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

LENGTHS = (
    "journal.engines.files.reader.SHORT",
    "journal.engines.files.resuming.SHORT",
    "projections.store.refreshing.LEAST_TO_SAVE",
    "projections.store.refreshing._LEAST_WHILE_BUSY",
    "projections.store.summaries.LEAST_TO_SAVE",
)
"""Below these, logs are read rather than saved and thawed."""


@contextmanager
def of_any_log() -> Iterator[None]:
    """Stores save and thaw logs of any length."""
    with pytest.MonkeyPatch.context() as patch:
        for name in LENGTHS:
            patch.setattr(name, 0)
        yield


def end_of(data: bytes) -> int:
    """Up to where a snapshot has its log; 0 if it does not say so any more."""
    try:
        return int(json.loads(data.partition(b"\n")[0])["place"]["end"])
    except (ValueError, LookupError, TypeError):
        return 0


def forged(
    data: bytes,
    change: Callable[[dict[str, Any]], object],
    lengths: dict[str, Any] | None = None,
    states: bytes | None = None,
) -> bytes:
    """The snapshot with another first line, other lengths, other states; the digests are right."""
    line, _, rest = data.partition(b"\n")
    head = json.loads(line)
    del head["digest"]
    old = rest[: head["lengths"]]
    new = _json(lengths) + b"\n" if lengths is not None else old
    head |= {"lengths": len(new), "lengths_digest": sha256(new[:-1]).hexdigest()}
    change(head)
    text = _json(head)[:-1]
    first = text + b',"digest":"%b"}\n' % sha256(text).hexdigest().encode()
    return first + new + (rest[len(old) :] if states is None else states)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def flip(path: Path, where: float, by: int) -> None:
    """A byte, `where` in the file from 0 to 1."""
    data = bytearray(path.read_bytes())
    if data:
        data[int(where * len(data))] ^= by
        path.write_bytes(bytes(data))
