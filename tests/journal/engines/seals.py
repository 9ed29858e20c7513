"""Seals as compaction and deletion write them."""

from journal.codec import control_line
from journal.events import Sealed


def seal_line(reason: str) -> bytes:
    seal = Sealed(reason=reason, last_seq=3, last_hash="0" * 32, ts="", writer="")
    return control_line(seal)
