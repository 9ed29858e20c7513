"""What a `__repr__` shows: what a thing is, in a prompt, a log or a traceback.

It is one short line of ids, seqs, paths, counts and sizes. It never shows a value out of a state,
which may be secret, and takes no longer for a larger state. It does no I/O, takes no lock, and
never raises, not even for an object that is half made or closed.
"""

import re
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

from msgspec import Struct

T = TypeVar("T")

_LONGEST = 240  # characters between the parentheses
_LONGEST_NAME = 40
_LEFT_OUT = "…"
_PLAIN = re.compile(r"[\w.:@+#%~-]+")


def repr_of_parts(parts: Callable[[T], Iterable[str]]) -> Callable[[T], str]:
    """A `__repr__`, `Class(part, part)`, of a method that yields the parts.

    Where that raises, it shows the parts that came before, and `…`. It is never longer than 240
    characters and the name of the class.
    """

    @wraps(parts)
    def shown(self: T) -> str:
        found: list[str] = []
        try:
            found.extend(parts(self))
        except Exception:  # noqa: BLE001 - whoever prints an object wants no other error
            found.append(_LEFT_OUT)
        return f"{type(self).__name__}({_end_cut(', '.join(found), _LONGEST)})"

    return shown


def name(text: object, longest: int = _LONGEST_NAME) -> str:
    """An id: quoted only if it could be misread without quotes. Cut in the middle."""
    if isinstance(text, str) and len(text) <= longest and _PLAIN.fullmatch(text):
        return text
    return quoted(text, longest)


def quoted(text: object, longest: int = _LONGEST_NAME) -> str:
    """A text with quotes, cut in the middle: ids and paths often differ at the end.

    Of what is no text, the type.
    """
    if not isinstance(text, str):
        return f"<{type(text).__name__}>"
    if len(text) > longest:
        half = (longest - len(_LEFT_OUT)) // 2
        text = f"{text[:half]}{_LEFT_OUT}{text[-half:]}"
    return repr(text)


def turn_name(runtime_id: object, turn_id: object) -> str:
    """`native/turn-1`."""
    return f"{name(runtime_id)}/{name(turn_id)}"


def count(number: int, noun: str) -> str:
    """`1 event`, `2,000 events`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def fields_without(thing: Struct, *hidden: str) -> list[tuple[str, Any]]:
    """For `__rich_repr__`, by which Rich shows a Struct, and not by its `__repr__`.

    The fields but for those with something out of a state.
    """
    fields = thing.__struct_fields__
    return [(field, getattr(thing, field)) for field in fields if field not in hidden]


def _end_cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - len(_LEFT_OUT)] + _LEFT_OUT
