"""RFC 6902 for `add`, `remove` and `replace`, written from the RFC; asserts its demands."""

import copy
from typing import Any


def apply_patch(patch: list[dict[str, Any]], document: Any) -> Any:
    """The document after all operations; the one that was given is left as it was."""
    document = copy.deepcopy(document)
    for operation in patch:
        document = _applied(operation, document)
    return document


def value_at(document: Any, pointer: str) -> Any:
    """What a JSON Pointer (RFC 6901) leads to."""
    for token in _tokens(pointer):
        document = document[_step(document, token)]
    return document


def _applied(operation: dict[str, Any], document: Any) -> Any:
    op, pointer = operation["op"], operation["path"]
    assert op in ("add", "remove", "replace")
    assert set(operation) == {"op", "path"} | ({"value"} if op != "remove" else set())
    value = copy.deepcopy(operation.get("value"))
    if pointer == "":
        assert op != "remove"
        return value
    above, _, token = pointer.rpartition("/")
    parent = value_at(document, above)
    step = _step(parent, token := _unescaped(token), after_the_last=op == "add")
    if op == "remove":
        del parent[step]
    elif op == "add" and isinstance(parent, list):
        parent.insert(step, value)
    else:
        assert op == "add" or isinstance(parent, list) or token in parent
        parent[step] = value
    return document


def _tokens(pointer: str) -> list[str]:
    assert pointer == "" or pointer[0] == "/"
    return [_unescaped(token) for token in pointer.split("/")[1:]]


def _unescaped(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")


def _step(parent: Any, token: str, *, after_the_last: bool = False) -> Any:
    if isinstance(parent, dict):
        return token
    assert isinstance(parent, list), f"nothing is below {parent!r}"
    assert token == str(int(token)), "an index has digits only, and no leading zeros"
    assert 0 <= int(token) < len(parent) + after_the_last
    return int(token)
