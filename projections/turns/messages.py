"""What was said: messages, and parts of them, in the forms of the SDKs. Pure: no I/O.

| Whose | The role | The text |
|---|---|---|
| a recorded turn, OpenAI, Anthropic, PraisonAI | `role` | `content`, or its parts of text |
| Gemini | `role` | `parts` with `text` |
| Pydantic AI | the `part_kind` of each part | its `content` |
| LangChain | the `type` | `content`, here or in `data` |
"""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from projections.turns.shapes import BODIES, kind_of

_ROLES = {
    "human": "user",
    "HumanMessage": "user",
    "user-prompt": "user",
    "ai": "assistant",
    "AIMessage": "assistant",
    "model": "assistant",
    "system-prompt": "system",
    "instructions": "system",
    "thinking": "thinking",
    "redacted_thinking": "thinking",
    "reasoning": "thinking",
}
"""By other people's word for it, the role. What is not here is its own role, or the model's."""

_OWN_WORDS = frozenset({"user", "assistant", "system", "developer"})
_TEXTS = ("text", "refusal", "content", "thinking", "summary")
_DEEPEST = 4  # levels of parts in parts


class Message(Struct, frozen=True):
    """Something said. `cut` says what the text was like before it was cut, if it was."""

    role: str
    text: str
    cut: dict[str, Any] | None = None


def message_in(node: dict[Any, Any]) -> Message | None:
    """What a message says; None if it has no words of its own. Never raises."""
    text = "\n".join(filter(None, _words(node, _DEEPEST)))
    if not text:
        return None
    cut = node.get("cut")
    own = cut.get("content") if isinstance(cut, dict) else None
    return Message(_role_of(node), text, own if isinstance(own, dict) else None)


def parts_of(node: dict[Any, Any]) -> list[dict[Any, Any]]:
    """The objects in a message whose words are those of the message.

    Those of Pydantic AI have roles of their own, so they are messages themselves.
    """
    return [
        part
        for key in BODIES
        for part in (node[key] if isinstance(node.get(key), list) else [node.get(key)])
        if isinstance(part, dict) and "part_kind" not in part
    ]


def _role_of(node: dict[Any, Any]) -> str:
    for word in (node.get("role"), kind_of(node)):
        if isinstance(word, str) and (word in _ROLES or word in _OWN_WORDS):
            return _ROLES.get(word, word)
    return "assistant"


def _words(value: Any, deepest: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple) and deepest:
        for part in value:
            if isinstance(part, str) or (isinstance(part, dict) and _is_said(part)):
                yield from _words(part, deepest - 1)
    elif isinstance(value, dict) and deepest:
        for key in (*_TEXTS, "parts", "data"):
            if value.get(key):
                yield from _words(value[key], deepest - 1)
                return


def _is_said(part: dict[Any, Any]) -> bool:
    """Whether the words of a part are those of its message: not its thoughts, nor a call's."""
    if "part_kind" in part:
        return False
    kind = kind_of(part)
    return kind is None or kind.endswith("text") or kind == "refusal"
