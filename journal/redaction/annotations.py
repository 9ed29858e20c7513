"""Recognises what declarations, schemas and style sheets put after a name: a type, a state."""

import re

from journal.redaction.later import compiled_later
from journal.redaction.vocabulary import TYPES

_DECORATED = compiled_later(
    r"(?:[&*?\[(]|'[a-z]+\b)*+(?P<type>[A-Za-z_][\w.:]*+)(?:\[\d*\]|[!?*&\])])*+(?:\(.*)?"
)
_GENERIC = compiled_later(
    r"[&*?]*+(?:\w+(?:\.|::))*+(?:[Tt]ype|[Ll]ist|[Dd]ict|Optional|Union|Annotated|Mapped|Callable"
    r"|Sequence|Iterable|Literal|ClassVar|Final|Array|Vec|Option|Box|Rc|Arc|Map|Set|Promise|Partial"
    r"|Record|Readonly|Field|Column|Ref|Result|Cow|Secret|SecretBox|Maybe|InitVar|NotRequired)[\[<].*"
)
_NAMED_TYPE = compiled_later(
    r"(?:\w+\.)*+(?=[A-Z])\w*[a-z](?:Types?|Enum|Like|Protocol|Schema|Input|Field)[!?]?"
)
_LIFETIME = compiled_later(r"&(?:'[a-z_]+|mut|dyn)\b")
_PSEUDO = compiled_later(
    r":?(?:focus|hover|active|visited|valid|invalid|disabled|enabled|checked|required|optional"
    r"|read-only|read-write|placeholder(?:-shown)?|not|is|has|where|before|after|first|last|nth"
    r"|only|empty|-webkit|-moz|-ms|autofill)(?:-[a-z-]+)?(?![\w.!@#$%^&*])"
)


def is_type(text: str) -> bool:
    """Whether the word after `name:` is a type: `String!`, `&str`, `t.Any`, `z.string().min(8)`."""
    if _NAMED_TYPE.fullmatch(text) or _GENERIC.fullmatch(text) or _LIFETIME.match(text):
        return True
    declared = _DECORATED.fullmatch(text)
    if declared is None:
        return False
    parts = re.split(r"[.:]+", declared["type"].lower())
    return not TYPES.isdisjoint(parts) and all(part.isidentifier() for part in parts if part)


def is_pseudo_class(text: str) -> bool:
    """Whether a text begins like a CSS selector after its colon: `focus { … }`."""
    return _PSEUDO.match(text) is not None
