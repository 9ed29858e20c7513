"""Names of states: `RUNTIME/TURN@AT~N`. Each part is optional.

    native/turn-1       a turn as it is now
    native/turn-1@7     … as of event 7
    native/turn-1@5m    … as of five minutes ago
    native/turn-1~1     … one version back
    native              all turns of a runtime
    @7                  the whole view as of event 7

In ids, `/`, `@`, `~` and `%` are written `%2F`, `%40`, `%7E` and `%25`. A `%` alone is
the runtime whose id is empty.
"""

import re
from collections.abc import Iterator
from datetime import datetime

import msgspec
from msgspec import Struct

from journal.errors import StateValueError
from journal.reprs import quoted, repr_of_parts
from projections.times import point_of

_ID = "(?:[^/@~%]|%[0-9A-Fa-f]{2})*"
# Compiled at the first need: few processes name states.
_REF = rf"(?P<runtime>{_ID}|%)(?:/(?P<turn>{_ID}))?(?:@(?P<at>[^@~]+))?(?:~(?P<back>[0-9]*))?"
_ESCAPED = str.maketrans({"/": "%2F", "@": "%40", "~": "%7E", "%": "%25"})
_NO_ID = "%"
_LONGEST = 100


class Ref(Struct, frozen=True):
    """Names a state. `back` counts versions.

    `at` may be given in any form that `point_of` accepts; it is stored as a seq or timestamp.
    """

    runtime_id: str | None = None
    turn_id: str | None = None
    at: int | str | None = None
    back: int = 0

    def __post_init__(self) -> None:
        """Raises `StateTypeError` and `StateValueError`."""
        if self.turn_id is not None and self.runtime_id is None:
            raise StateValueError(f"turn {self.turn_id!r}: whose? A turn belongs to a runtime")
        if self.back < 0 or (self.back and self.turn_id is None):
            raise StateValueError(
                f"back is {self.back}; only a turn has versions, and they count from 0, the last"
            )
        if self.at is not None:
            msgspec.structs.force_setattr(self, "at", point_of(self.at))

    def __str__(self) -> str:
        text = ""
        if self.runtime_id is not None:
            text = self.runtime_id.translate(_ESCAPED)
        if self.turn_id is not None:
            text += f"/{self.turn_id.translate(_ESCAPED)}"
        elif self.runtime_id == "":
            text = _NO_ID
        if self.at is not None:
            text += f"@{self.at}"
        return f"{text}~{self.back}" if self.back else text

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield quoted(str(self), _LONGEST)

    @classmethod
    def parse(cls, text: str) -> "Ref":
        """Read `RUNTIME/TURN@AT~N`. Raises `StateValueError`."""
        found = re.fullmatch(_REF, text)
        if found is None or not text:
            raise _unreadable(text)
        runtime, turn, at, back = found["runtime"], found["turn"], found["at"], found["back"]
        has_turn, has_back = turn is not None, back is not None
        if has_back and not has_turn:
            raise StateValueError(f"{text!r}: only a turn has versions; write RUNTIME/TURN~N")
        try:
            return cls(
                runtime_id=_id_of(runtime) if runtime or has_turn else None,
                turn_id=_id_of(turn) if has_turn else None,
                at=at,
                back=(int(back) if back else 1) if has_back else 0,
            )
        except UnicodeDecodeError:
            raise _unreadable(text) from None


def _id_of(text: str) -> str:
    if text == _NO_ID:
        return ""
    if "%" not in text:
        return text
    from urllib.parse import unquote  # costs 2 ms to import, and few ids need it

    return unquote(text, errors="strict")


def _unreadable(text: str) -> StateValueError:
    return StateValueError(
        f"{text!r} names no state; write RUNTIME/TURN, RUNTIME or nothing, then @SEQ or @TIME, "
        "or ~N for N versions back; in ids write %2F for /, %40 for @, %7E for ~ and %25 for %"
    )


def ref_of(value: "Ref | str | int | datetime") -> Ref:
    """A ref in any form that a caller may give; a bare seq or moment means the view as of it.

    Raises `StateTypeError` and `StateValueError`.
    """
    if isinstance(value, Ref):
        return value
    return Ref.parse(value) if isinstance(value, str) else Ref(at=point_of(value))
