"""What all contenders save: a turn of about 400 bytes, with two tool calls and a transcript."""

from typing import Any

import msgspec

SESSION, RUNTIME = "bench", "native"

STATE: dict[str, Any] = {
    "status": "completed",
    "tool_calls": [
        {"id": "call_9fD2kQ7xVb31", "name": "read_file", "status": "ok"},
        {"id": "call_Zk81mQpL2sAa", "name": "search", "status": "ok"},
    ],
    "transcript": [
        {"role": "user", "content": "Where is the session's lock taken, and why does it wait?"},
        {
            "role": "assistant",
            "content": "It is taken in append(); the wait comes from a reader that keeps the "
            "descriptor open while it syncs.",
        },
    ],
}

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode

ENCODED = encode(STATE)


def turn_id(index: int) -> str:
    """The id of the turn of this number."""
    return f"turn-{index}"


def line(index: int) -> bytes:
    """What the journal writes for a turn, byte for byte as long."""
    return (
        b'{"seq":%d,"ts":"2026-11-22T10:18:00.123456Z","op":"set","runtime_id":"native",'
        b'"turn_id":"turn-%d","writer":"host:4242","state":%b,"prev":"%032d","hash":"%032d"}\n'
    ) % (index, index, ENCODED, index, index)
