"""What the journal is to have of each scenario, by its script and the form of a recorded turn."""

from typing import Any

from tests.adapters.endtoend import states
from tests.adapters.endtoend.scenarios import CRASH
from tests.adapters.endtoend.states import Finding, Found

STEPS: dict[str, Any] = {
    "two agents": "It is shipped and paid.",
    "parallel calls": "Both.",
    "an error": "Sorry.",
    "an approval": "Done.",
    "a refusal": "Not possible.",
    "a fan-out": "Sunny.",
    "nested": "1 says so.",
}
"""The answer to each scenario, where nothing is said below."""

ANSWERS: dict[str, dict[str, str]] = {
    "openai-agents": {"two agents": "It is paid."},  # the second agent's: it was handed over to
    "pydantic-ai": {"an error": "ValueError: no order 99"},  # an error of a tool ends the run
    "praisonai": {},
}

ERRORS = {
    "openai-agents": "ValueError: no order 99",
    "pydantic-ai": "ValueError: no order 99",
    "praisonai": "Error executing broken: no order 99",
}
REFUSED = {
    "openai-agents": "too much",
    "pydantic-ai": "too much",
    "praisonai": "Tool execution denied: too much",
}
RESULTS: dict[str, dict[str, str]] = {  # of the call that passes on to billing
    "openai-agents": {},
    "pydantic-ai": {"result": "It is paid."},
    "praisonai": {"result": "Handoff successful. billing response: It is paid."},
}
PASSED_ON = {  # what billing is asked
    "openai-agents": "Is order 17 paid?",
    "pydantic-ai": "Is it paid?",
    "praisonai": "[Handoff from triage] Is order 17 paid?",
}


def answers(framework: str) -> dict[str, str]:
    return {**STEPS, **ANSWERS[framework]}


def sessions(framework: str, others: list[str], writer: str, told: bool) -> dict[str, Found]:
    """Of each session. `writer` names the process, of whose end the audit is `told` or not."""
    return {
        "two agents": _two_agents(framework),
        "parallel calls": _parallel_calls(framework),
        "an error": _an_error(framework),
        "an approval": _asked_about(framework, 5, "Done.", {"result": "5 euro sent"}),
        "a refusal": _asked_about(framework, 5000, "Not possible.", {"error": REFUSED[framework]}),
        "a fan-out": _a_fan_out(framework),
        "nested": _nested([framework, *others]),
        CRASH: _a_crash(framework, writer, told),
    }


def _two_agents(framework: str) -> Found:
    for_good = framework == "openai-agents"
    reason = "transfer_to_billing"
    calls = [states.lookup("call-1", 17), states.call("call-2", reason, {}, **RESULTS[framework])]
    said = ["Is order 17 paid?", *["It is shipped and paid."] * (not for_good)]
    changes = [("triage", "billing", reason, "taken over")]
    findings = []
    if not for_good:
        changes.append(("billing", "triage", reason, "taken over"))
        # triage: opened, a call, its end, another call; there; billing: opened, call, end, closed
        findings.append(
            states.finished_later(f"{reason} (call-2)", "triage-1", (4, 10), "billing")
        )
    return states.session(
        {
            "triage-1": states.turn(
                "triage",
                said,
                states.answered(framework, 2 if for_good else 3),
                tool_calls=calls,
                handoffs=[states.reference("billing", "call-2")],
            ),
            "billing-1": states.turn(
                "billing",
                [PASSED_ON[framework], "It is paid."],
                states.answered(framework, 2),
                tool_calls=[states.lookup("call-3", 18)],
                parent=states.reference("triage", "call-2"),
            ),
        },
        changes=changes,
        findings=findings,
    )


def _parallel_calls(framework: str) -> Found:
    calls = [states.lookup("call-17", 17), states.lookup("call-18", 18)]
    answered = states.answered(framework, 2, at_once=True)
    return states.session(
        {"desk-1": states.turn("desk", ["Where are they?", "Both."], answered, tool_calls=calls)}
    )


def _an_error(framework: str) -> Found:
    error = ERRORS[framework]
    call = states.call("call-1", "broken", {"order": 99}, status="error", error=error)
    said, answered, more = ["Where is order 99?", "Sorry."], states.answered(framework, 2), {}
    if framework == "pydantic-ai":
        said, more = said[:1], {"status": "error", "error": error}
        answered = states.answered(framework, 1, over=False)
    return states.session(
        {"desk-1": states.turn("desk", said, answered, tool_calls=[call], **more)}
    )


def _asked_about(framework: str, euro: int, said: str, outcome: Found) -> Found:
    denied = {"status": "denied", "answer": "denied", "times": "asked ended"}
    allowed = {"answer": "allowed", "times": "asked started ended"}
    how = denied if "error" in outcome else allowed
    call = states.call("call-1", "refund", {"euro": euro}, **outcome, **how)
    turn = states.turn(
        "desk", ["I want it back.", said], states.answered(framework, 2), tool_calls=[call]
    )
    return states.session({"desk-1": turn})


def _a_fan_out(framework: str) -> Found:
    """No change of runtimes: the desk keeps the session."""
    cities = ("rome", "bern")
    calls = [
        states.call(
            f"call-{city}",
            f"ask_{city}",
            {"question": f"And {city}?"},
            result=f"Sun in {city}.",
        )
        for city in cities
    ]
    desk = states.turn(
        "desk",
        ["Will it rain?", "Sunny."],
        states.answered(framework, 2, at_once=True),
        tool_calls=calls,
        handoffs=[states.reference(city, f"call-{city}") for city in sorted(cities)],
    )
    turns = {"desk-1": desk}
    for city in cities:
        call = states.call("call-1", "weather", {"day": "today"}, result=f"sunny in {city}")
        turns[f"{city}-1"] = states.turn(
            city,
            [f"And {city}?", f"Sun in {city}."],
            states.answered(framework, 2),
            tool_calls=[call],
            parent=states.reference("desk", f"call-{city}"),
        )
    text = "rome-1 (rome) and bern-1 (bern) ran for desk-1 (desk), which kept the session"
    return states.session(turns, findings=[("children", "remark", text, [])])


def _nested(frameworks: list[str]) -> Found:
    """Each is handed the session by the one before, and hands it back."""
    depths = range(1, len(frameworks) + 1)
    turns = {}
    for depth, framework in zip(depths, frameworks, strict=True):
        asked = "What do you say?" if depth == 1 else f"What says {depth}?"
        more: Found = {}
        if depth > 1:
            more["parent"] = states.reference(f"agent-{depth - 1}", f"call-{depth - 1}")
        if depth < len(frameworks):
            name, question = f"ask_agent_{depth + 1}", f"What says {depth + 1}?"
            call = states.call(
                f"call-{depth}", name, {"question": question}, result=f"{depth + 1} says so."
            )
            more["tool_calls"] = [call]
            more["handoffs"] = [states.reference(f"agent-{depth + 1}", f"call-{depth}")]
        answered = states.answered(framework, 2 if depth < len(frameworks) else 1)
        turns[f"agent-{depth}-1"] = states.turn(
            f"agent-{depth}", [asked, f"{depth} says so."], answered, **more
        )
    return states.session(
        turns,
        changes=[
            ("agent-1", "agent-2", "ask_agent_2", "taken over"),
            ("agent-2", "agent-3", "ask_agent_3", "taken over"),
            ("agent-3", "agent-2", "ask_agent_3", "taken over"),
            ("agent-2", "agent-1", "ask_agent_2", "taken over"),
        ],
        # opened, a call, there (3, 4); opened, a call, there (7, 8); opened, closed at 10, back;
        # the call's end, closed at 14
        findings=[
            states.finished_later("ask_agent_2 (call-1)", "agent-1-1", (2, 14), "agent-2"),
            states.finished_later("ask_agent_3 (call-2)", "agent-2-1", (6, 10), "agent-3"),
        ],
    )


def _a_crash(framework: str, writer: str, told: bool) -> Found:
    open_call = {"status": "open", "times": "started"}
    asked = states.call("call-1", "ask_billing", {"question": "Charge 5 euro."}, **open_call)
    charged = states.call("call-2", "charge", {"euro": 5}, **open_call)
    still_open = {"status": "open", "times": "opened"}
    lost: Finding = (
        "lost_calls",
        "fault",
        "billing never saw ask_billing (call-1) of triage-1 (triage, event 2) finished; "
        "nobody finished it later",
        [],
    )
    gone = "is open since TIME, but its writer {} has ended; {} has no result"
    triage, billing = (
        ("writer_gone", "fault", f"{turn} {gone.format(writer, call)}", consequences)
        for turn, call, consequences in (
            ("triage-1 (triage)", "ask_billing (call-1)", [lost]),
            ("billing-1 (billing)", "charge (call-2)", []),
        )
    )
    return states.session(
        {
            "triage-1": states.turn(
                "triage",
                ["Charge me."],
                states.answered(framework, 1, over=False),
                tool_calls=[asked],
                **still_open,
            ),
            "billing-1": states.turn(
                "billing",
                ["Charge 5 euro."],
                states.answered(framework, 2, over=False),
                tool_calls=[states.lookup("call-1", 17), charged],
                parent=states.reference("triage", "call-1"),
                **still_open,
            ),
        },
        ok=False,
        changes=[("triage", "billing", "ask_billing", "taken over")],
        findings=[triage, billing] if told else [lost],
    )
