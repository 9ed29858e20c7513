"""States <-> JSON, exactly: a state comes back as it went in, or it does not go in.

A state is encoded, decoded again and compared. Only if the two differ, or if the encoder
refuses, the state is walked to find out where and why. So the usual state costs one encode,
one decode and one comparison in C.
"""

import math
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from journal import exiting
from journal.errors import DamagedError, LimitExceededError, StateTypeError, StateValueError

T = TypeVar("T")

MAX_DEPTH = 128
"""The deepest nesting of a state. Decoders recurse, and a log must be readable from code that
is itself deep in calls."""

MAX_LINE = 16 * 1024 * 1024
"""Bytes of the longest line, newline included."""

_SHOWN = 40  # characters of a key in a message
_MOST = MAX_LINE - 4096  # bytes of a state: of a line, everything but the ids and the rest

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

_HINTS = {
    "datetime": "pass an ISO string",
    "date": "pass an ISO string",
    "time": "pass an ISO string",
    "timedelta": "pass a number of seconds",
    "bytes": "pass text, or base64 of the bytes",
    "bytearray": "pass text, or base64 of the bytes",
    "set": "pass a list",
    "frozenset": "pass a list",
    "Decimal": "pass a string or a float",
    "UUID": "pass str(value)",
}


def encode_state(state: Any, name: str = "state") -> bytes:
    """The state as JSON; decoding it gives an equal state again. O(size of the state).

    Raises `StateTypeError` or `StateValueError`, naming the path below `name` of the first value
    that would not come back (`state.calls[2].when`), and `LimitExceededError` if the state is
    too large for a line. Tuples are accepted, and come back as lists.
    """
    try:
        encoded = _encode(state)
        if _decode(encoded) != state:
            encoded = b""
    except (TypeError, ValueError, RecursionError, OverflowError):
        encoded = b""
    if not encoded:
        _refuse_what_is_not_json(state, name)
        encoded = _encode_walked(state, name)
    if encoded.count(b"[") + encoded.count(b"{") > MAX_DEPTH:
        _refuse_deep(state, name)
    if len(encoded) > _MOST:
        raise LimitExceededError(
            f"{name} is {len(encoded):,} bytes of JSON; the most that one event can hold is "
            f"{_MOST:,}. Keep a reference to the data instead"
        )
    return encoded


def _encode_walked(state: Any, name: str) -> bytes:
    try:
        return _encode(state)
    except RecursionError:
        raise StateValueError(
            f"{name}: cannot be encoded from so deep inside other calls; flatten it"
        ) from None


def decode_state(encoded: bytes) -> Any:
    """The state again. Raises `DamagedError` when the bytes are not JSON.

    Of a state that is still encrypted, raises `EncryptionKeyError`, naming the key.
    """
    try:
        return _decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if encoded[:1] == b"!":
            from journal.ciphertext import unreadable  # which knows events

            raise unreadable(encoded) from None
        raise DamagedError(f"a stored state is not JSON: {error}") from None
    except RecursionError:
        return on_fresh_stack(_decode, encoded)


def on_fresh_stack(function: Callable[[bytes], T], data: bytes) -> T:
    """Call `function` with an empty stack: in a thread of its own.

    A caller that is itself deep in calls leaves the decoder no room for nested data, which is
    no fault of the data. Raises what `function` raises. If no thread can be started, calls it
    on this stack.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(function(data))
        except Exception as error:  # noqa: BLE001 - it is raised where it belongs
            failure.append(error)

    thread = threading.Thread(target=run)
    if not exiting.started(thread):
        return function(data)
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


def check_text(text: str, name: str) -> None:
    """Raise `StateTypeError` if an id is not a string; `name` says which id it is."""
    if not isinstance(text, str):
        raise StateTypeError(f"{name} must be a string, not {type(text).__name__}")


def encode_text(text: str, name: str) -> bytes:
    """A string as JSON. Raises `StateTypeError` and `StateValueError`, naming it `name`."""
    if type(text) is not str:
        check_text(text, name)
    try:
        return _encode(text)
    except UnicodeEncodeError as error:
        raise StateValueError(
            f"{name} has a lone surrogate at position {error.start}; it is not valid Unicode"
        ) from None
    except TypeError:  # a subclass of str
        return _encode(str.__str__(text))


def _refuse_what_is_not_json(state: Any, name: str) -> None:
    """Raise for the first value that JSON would change; return if there are only tuples."""
    for path, value in _walk(state, name):
        if isinstance(value, dict | list | tuple):
            continue
        if isinstance(value, str):
            _refuse_surrogates(path, value)
        if isinstance(value, float) and not math.isfinite(value):
            raise StateValueError(f"{path}: {value} is not JSON; pass None or a string")
        if not _comes_back(value):
            if isinstance(value, int):
                raise StateValueError(f"{path}: the integer is too long; pass a string")
            kind = type(value).__name__
            hint = _HINTS.get(kind, "pass plain JSON data")
            raise StateTypeError(f"{path}: {kind} is not JSON; {hint}")


def _comes_back(value: Any) -> bool:
    try:
        return bool(_decode(_encode(value)) == value)
    except (TypeError, ValueError):
        return False


def _walk(state: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every value in `state` with its path. Raises for a bad key, and if it nests too deep."""
    stack: list[tuple[str, Any, int]] = [(name, state, 1)]
    while stack:
        path, value, depth = stack.pop()
        yield path, value
        if isinstance(value, dict):
            children = [(_key_path(path, key), item) for key, item in value.items()]
        elif isinstance(value, list | tuple):
            children = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
        else:
            continue
        if depth > MAX_DEPTH:
            raise _too_deep(path)
        stack.extend((where, item, depth + 1) for where, item in reversed(children))


def _key_path(path: str, key: Any) -> str:
    if not isinstance(key, str):
        raise StateTypeError(
            f"{path}: the key {key!r} is {type(key).__name__}, not a string; "
            "JSON objects have string keys only"
        )
    _refuse_surrogates(f"{path}, a key", key)
    shown = key if len(key) <= _SHOWN else f"{key[:_SHOWN]}…"
    return f"{path}.{shown}" if key.isidentifier() else f"{path}[{shown!r}]"


def _refuse_surrogates(path: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise StateValueError(
            f"{path}: lone surrogate at position {error.start}; it is not valid Unicode"
        ) from None


def _refuse_deep(state: Any, name: str) -> None:
    """Raise if containers nest deeper than `MAX_DEPTH`. Goes level by level, no recursion."""
    level: list[Any] = [state]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, dict | list | tuple)
        ]
        if not level:
            return
    raise _too_deep(name)


def _too_deep(path: str) -> StateValueError:
    where = path if len(path) <= 80 else f"{path[:77]}..."
    return StateValueError(f"{where}: nested deeper than {MAX_DEPTH} levels; flatten it")
