"""The JSON of session files: their fields, each still encoded. No I/O."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw

from journal.errors import SessionFileError
from journal.state import encode_text

RUNTIME_STATE = "runtime_state"
"""The key of our view."""

NOTHING = b""
"""In place of a view that must not be in the file, as its states are encrypted."""

MESSAGES = ("messages", "archived_messages")
"""The keys of PraisonAI's messages."""

UNREADABLE = (ValueError, RecursionError)
"""What `loads` raises, for huge numbers too."""

Fields: TypeAlias = dict[str, bytes]
"""The members of the file's object, in order, each value as JSON."""

_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_BLANK = b"\0 \r\n\t"
_STARTS_WITH_ID = re.compile(rb'\s*\{\s*"session_id"\s*:\s*("(?:[^"\\]|\\.)*+")\s*[,}]')


def parse(path: str, data: bytes) -> Fields:
    """The fields of a file. Raises `SessionFileError` if it is not JSON, or no object."""
    try:
        return {key: bytes(raw) for key, raw in _decode_fields(data).items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # NaN and lone surrogates are no JSON, but Python's own encoder writes them
    try:
        fields = loads(data)
    except UNREADABLE as error:
        raise SessionFileError(
            f"{path}: is not JSON ({error}); restore it from a backup or move it away"
        ) from None
    if not isinstance(fields, dict):
        raise SessionFileError(f"{path}: is not a JSON object; move it away")
    return {key: _dumps(value) for key, value in fields.items()}


def count_of(value: bytes | None) -> int:
    """How many elements an encoded list has; 0 of anything else."""
    try:
        return len(_decode_list(value or b"[]"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        found = loads(value or b"")
    except UNREADABLE:
        return 0
    return len(found) if isinstance(found, list) else 0


def is_blank(data: bytes) -> bool:
    """Whether a file holds nothing. Looks at all of it only if need be."""
    return not data[:1].strip(_BLANK) and not data.strip(_BLANK)


def join(fields: Mapping[str, bytes]) -> bytes:
    """The file: one key a line, which is readable, and the values as they are, but `NOTHING`."""
    pieces = [b"{\n"]
    for key, value in fields.items():
        if value == NOTHING:
            continue
        pieces += (b",\n" if len(pieces) > 1 else b"", b"  ", _dumps(key), b": ", value)
    return b"".join([*pieces, b"\n}\n"])


def with_state(fields: Fields, state: bytes) -> bytes:
    """The file with `state` as its runtime state, changed now; without one if it is `NOTHING`."""
    changed = {RUNTIME_STATE: state, "updated_at": encode_text(_now(), "updated_at")}
    return join({**fields, **changed})


def masked_fields(
    path: str, fields: Fields, masked: Callable[[Any], Any], state: bytes | None
) -> Fields:
    """The fields that have to change: those that `masked` makes another value of.

    `state` is what belongs under `runtime_state`, be it `NOTHING`; None if that is masked like
    the others. The session's id stays. Raises `SessionFileError` for a value that cannot be read.
    """
    changed = {}
    for key, raw in fields.items():
        if key == RUNTIME_STATE and state is not None:
            if raw != state:
                changed[key] = state
        elif key != "session_id":
            try:
                value = loads(raw)
            except UNREADABLE as error:
                raise SessionFileError(f"{path}: `{key}` cannot be read: {error}") from None
            new = masked(value)
            if new is not value:
                changed[key] = _dumps(new)
    return changed


def new_fields(session_id: str) -> Fields:
    """What PraisonAI writes for a session without messages."""
    empty: dict[str, Any] = {
        "session_id": session_id,
        "messages": [],
        "created_at": _now(),
        "updated_at": "",
        "agent_name": None,
        "user_id": None,
        "metadata": {},
        "gateway_session_id": None,
        "agent_id": None,
        RUNTIME_STATE: {},
        "archived_messages": [],
    }
    return {key: msgspec.json.encode(value) for key, value in empty.items()}


def first_id(beginning: bytes) -> Any:
    """The `session_id` of a file that has it as its first key; None otherwise."""
    found = _STARTS_WITH_ID.match(beginning)
    return loads(found[1]) if found is not None else None


def loads(data: bytes) -> Any:
    """As Python's own decoder does: NaN and numbers of any size, as PraisonAI writes them."""
    import json  # costs 1 ms to import, and few session files need it

    return json.loads(data)


def _dumps(value: Any) -> bytes:
    """As Python's own encoder does."""
    if isinstance(value, str) and value.isascii() and value.isprintable():
        return msgspec.json.encode(value)  # which gives the same
    import json  # costs 1 ms to import, and few session files need it

    return json.dumps(value).encode()


def _now() -> str:
    return datetime.now(UTC).isoformat()
