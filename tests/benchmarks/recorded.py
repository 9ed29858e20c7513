"""Many sessions of recorded turns of several KiB each, to search in."""

import random
from typing import Any

import msgspec

from journal.config import Limits
from projections import DefaultSessionStore

RARE = "PaymentGatewayUnreachable"
"""Stands in one turn of `_RARELY`."""

_RARELY = 4000
_TEXTS = 512
_PROSE = (
    "the order was shipped to customer and invoice number shows that payment has been received "
    "please check whether service returns correct result when retry is needed because connection "
    "to database failed after seconds while loading module from path with value of parameter "
    "function test passed in file line import return class def self none true false request "
    "response status header token budget model answer question tool call output naïve Größe "
    "señor 東京 déjà – “quoted” … ✓ Straße Ελλάδα привет"
)
_LINES = (
    '{"id": %d, "name": "item-%d", "ok": true, "price": %d.50}',
    "2026-11-29 10:%d:%d ERROR worker.%d failed, retrying",
    'File "/srv/app/module_%d.py", line %d, in handler_%d',
    "GET /api/v2/items/%d/%d HTTP/1.1 200 %d",
    "\x1b[32mPASSED\x1b[0m tests/test_%d.py::test_%d (%d ms)",
    "C:\\projects\\app%d\\build%d\\out%d.dll",
)
_BATCH = 100
_LIMITS = Limits(turn_bytes=1 << 20, runtime_bytes=1 << 40)


class _Turns:
    """States of turns. The same each time that they are made."""

    def __init__(self) -> None:
        self._chance = random.Random(18)
        self._texts = [self._text() for _ in range(_TEXTS)]
        self._count = 0

    def _text(self) -> str:
        """Prose, or what a program has printed."""
        chance, words = self._chance, _PROSE.split()
        if chance.random() < 0.5:
            return " ".join(chance.choices(words, k=chance.randrange(20, 160)))
        line, lines = chance.choice(_LINES), chance.randrange(4, 24)
        return "\n".join(line % tuple(chance.choices(range(10, 60), k=3)) for _ in range(lines))

    def next(self) -> dict[str, Any]:
        chance = self._chance
        self._count += 1
        answer = chance.choice(self._texts)
        if self._count % _RARELY == _RARELY // 2:
            answer += f" {RARE} after 31 retries, TICKET-{self._count}"
        return {
            "turn": 1,
            "agent": "triage",
            "status": "completed",
            "model": "gpt-5.5",
            "usage": {"input_tokens": chance.randrange(9000), "output_tokens": 88},
            "tool_calls": [self._call() for _ in range(chance.randrange(1, 6))],
            "transcript": [
                {"role": "user", "content": chance.choice(self._texts)},
                {"role": "assistant", "content": answer},
            ],
        }

    def _call(self) -> dict[str, Any]:
        chance = self._chance
        return {
            "id": f"call_{chance.getrandbits(64):016x}",
            "name": chance.choice(("lookup", "run_tests", "read_file", "search_web")),
            "status": "completed",
            "arguments": {"query": chance.choice(self._texts)[:60], "page": self._count % 9},
            "result": chance.choice(self._texts),
            "started_at": "2026-11-29T10:20:41.714Z",
            "ended_at": "2026-11-29T10:20:42.114Z",
        }


def build(folder: str, size: int, sessions: int) -> None:
    """About so many bytes of logs, half of them in one session."""
    turns = _Turns()
    with DefaultSessionStore(
        folder, durability="os", auto_compact=False, redact=None, limits=_LIMITS
    ) as store:
        for number in range(sessions):
            _fill(store, f"session-{number}", size // 2 // sessions, turns)
        _fill(store, "long", size // 2, turns)


def _fill(store: DefaultSessionStore, session: str, size: int, turns: _Turns) -> None:
    count = 0
    while size > 0:
        batch: list[tuple[str, str, dict[str, Any]]] = []
        while size > 0 and len(batch) < _BATCH:
            state = turns.next()
            batch.append(("native", f"turn-{count}", state))
            count += 1
            size -= len(msgspec.json.encode(state)) + 250  # and the rest of the line
        store.set_many(session, batch)
