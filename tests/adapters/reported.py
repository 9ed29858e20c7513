"""What the journal reports of agents' turns, and what it should, in words quick to read."""

from typing import Any

from projections import DefaultSessionStore

KEY = "sk-live-0123456789abcdefghijABCDEFGHIJ"
"""A secret."""


def turns(store: DefaultSessionStore, runtime: str = "native", session: str = "s") -> list[Any]:
    """The turns of a runtime: how they went, what was said, and their calls in short.

    Without the form, times, models, usage, and what names other turns.
    """
    states = store.get_runtime_state(session, runtime).values()
    return [_in_short(state) for state in states]


def _in_short(state: dict[str, Any]) -> dict[str, Any]:
    shown = ("status", "error", "tool_calls", "transcript", "omitted", "cut")
    found = {key: state[key] for key in shown if key in state}
    if "tool_calls" in found:
        found["tool_calls"] = [
            {key: each[key] for key in ("id", "name", "status", "error") if key in each}
            for each in found["tool_calls"]
        ]
    return found


def calls(store: DefaultSessionStore, runtime: str = "native", session: str = "s") -> list[Any]:
    """The calls of a runtime's only turn, whole but for their times."""
    times = ("started_at", "ended_at", "asked_at")
    state = the_turn(store, runtime, session)[1]
    return [
        {key: each[key] for key in each if key not in times}
        for each in state.get("tool_calls", ())
    ]


def the_turn(store: DefaultSessionStore, runtime: str, session: str = "s") -> tuple[str, Any]:
    """The id and the state of a runtime's only turn."""
    ((turn_id, state),) = store.get_runtime_state(session, runtime).items()
    return turn_id, state


def versions(store: DefaultSessionStore, runtime: str = "native") -> list[list[str]]:
    """How the only turn of a runtime went: its status and those of its calls, each time."""
    states = [each.state for each in store.history("s", runtime, the_turn(store, runtime)[0])]
    return [
        [state["status"], *(call["status"] for call in state.get("tool_calls", ()))]
        for state in states
    ]


def check_one_turn(store: DefaultSessionStore, answer: str) -> None:
    """Of an agent that was told "you"."""
    assert answer.strip() == "hello, you"
    assert turns(store) == [{"status": "completed", "transcript": said("you", answer)}]
    assert versions(store) == [["open"], ["completed"]]


def check_one_call(store: DefaultSessionStore) -> None:
    """Of a turn that asked for the weather in Rome: written as it begins and as it ends."""
    (turn,) = turns(store)
    assert turn["tool_calls"] == [ROME]
    assert versions(store) == ONE_CALL


def changes(store: DefaultSessionStore) -> list[tuple[str | None, str | None, str | None]]:
    """What changed hands, all of it announced."""
    found = store.audit("s").changes
    assert all(change.announced and change.status == "taken over" for change in found)
    return [(change.source, change.target, change.reason) for change in found]


def said(user: str, assistant: str | None = None) -> list[dict[str, str]]:
    messages = [{"role": "user", "content": user}]
    if assistant is not None:
        messages.append({"role": "assistant", "content": assistant})
    return messages


def call(call_id: str, name: str, status: str = "completed", **more: str) -> dict[str, str]:
    return {"id": call_id, "name": name, "status": status, **more}


ROME = call("c-rome", "weather")
BERN = call("c-bern", "weather")
ONE_CALL = [["open"], ["open", "open"], ["open", "completed"], ["completed", "completed"]]
"""The versions of a turn with one tool call."""
