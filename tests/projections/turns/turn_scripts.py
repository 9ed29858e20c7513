"""Turns that are played by a script, with what each step of it must be said to have done."""

from typing import Any

from hypothesis import strategies as st

from projections.adapters.turns import Turn
from projections.adapters.values import DETAILS, Detail, Slicer
from projections.turns.kinds import (
    Answered,
    Asked,
    Ended,
    HandedOver,
    Happening,
    Rephrased,
    Resumed,
    Said,
    Started,
    TurnEnded,
    TurnWaits,
    Used,
    Waits,
)

UNFINISHED = ("open", "waiting")
IDS = ("call_0", "call_1", "call_2")
WORDS = st.sampled_from(["ok", "Why is the bill so high?", "charged twice", "é ⇢ ∎"])
ARGUMENTS = st.none() | st.dictionaries(st.sampled_from(["question", "order"]), WORDS, max_size=2)

STEPS = st.one_of(
    st.tuples(st.just("says"), st.sampled_from(["user", "assistant", "system"]), WORDS),
    st.tuples(st.just("answers"), st.sampled_from(["m-1", "m-2"]), st.integers(0, 3)),
    st.tuples(st.just("asks"), st.sampled_from(IDS), ARGUMENTS),
    st.tuples(st.just("starts"), st.sampled_from(IDS), ARGUMENTS),
    st.tuples(st.just("waits"), st.sampled_from(IDS), ARGUMENTS),
    st.tuples(
        st.just("ends"),
        st.sampled_from(IDS),
        st.sampled_from(["completed", "error", "denied", "cancelled"]),
        st.none() | WORDS,
    ),
    st.tuples(st.just("hands over"), st.sampled_from(["billing", "shipping"])),
    st.tuples(st.just("closes"), st.sampled_from(["waiting", "completed", "error", "cancelled"])),
    st.tuples(st.just("resumes")),
)


class _Call:
    """What a script has done to one call."""

    def __init__(self) -> None:
        self.status = "new"
        self.arguments: Any = None
        self.has_begun = False
        self.was_asked = False
        self.answer: str | None = None
        self.result: Any = None
        self.error: Any = None


class Script:
    """Plays steps to a turn. `play` returns what is to be said to have happened by one."""

    def __init__(self, detail: Detail = DETAILS["full"]) -> None:
        self.turn = Turn("s", "triage", slicer=Slicer(detail, lambda value: value))
        self.calls: dict[str, _Call] = {}
        self.said = 0
        self._model: str | None = None
        self._status = "open"

    def play(self, step: tuple[Any, ...]) -> list[Happening]:
        name, *given = step
        found: list[Happening] = getattr(self, f"_{name.replace(' ', '_')}")(*given)
        return found

    def _says(self, role: str, text: str) -> list[Happening]:
        self.turn.says(role, text)
        self.said += 1
        return [Said(role, text)]

    def _answers(self, model: str, tokens: int) -> list[Happening]:
        if self._status not in UNFINISHED:
            return []
        self.turn.model_answered(model, {"input_tokens": tokens})
        news = None if model == self._model else model
        self._model = model
        usage: dict[str, float] = {"input_tokens": tokens} if tokens else {}
        return [Used(news, usage)] if news or usage else []

    def _named(self, call_id: str, arguments: Any) -> tuple[_Call, list[Happening]]:
        """A call that is asked for, if it is new; or its arguments, if it had none."""
        call = self.calls.setdefault(call_id, _Call())
        found: list[Happening] = []
        key = (call_id, 1)
        if call.status == "new":
            call.status, call.arguments = "open", arguments
            found = [Asked(key, f"tool-{call_id}", arguments)]
        elif arguments is not None and call.arguments is None:
            call.arguments = arguments
            found = [Rephrased(key, f"tool-{call_id}", arguments)]
        return call, found

    def _asks(self, call_id: str, arguments: Any) -> list[Happening]:
        self.turn.call_asked(call_id, f"tool-{call_id}", arguments)
        return self._named(call_id, arguments)[1]

    def _starts(self, call_id: str, arguments: Any) -> list[Happening]:
        self.turn.call_started(call_id, f"tool-{call_id}", arguments)
        is_new = call_id not in self.calls
        call, found = self._named(call_id, arguments)
        key, name = (call_id, 1), f"tool-{call_id}"
        if call.status not in UNFINISHED or call.has_begun:
            return found
        if call.status == "waiting":
            if arguments is not None and arguments != call.arguments:
                found = [Rephrased(key, name, arguments)]
                call.arguments = arguments
            call.answer = "allowed"
            found.append(Answered(key, name, "allowed"))
        call.status, call.has_begun = "open", True
        return found if is_new else [*found, Started(key, name)]

    def _waits(self, call_id: str, arguments: Any) -> list[Happening]:
        if call_id in self.calls and self.calls[call_id].status not in UNFINISHED:
            return []  # frameworks do not ask again for a call that is over
        self.turn.call_waits(call_id, f"tool-{call_id}", arguments)
        call, found = self._named(call_id, arguments)
        if call.status == "waiting":
            return found
        call.status, call.has_begun, call.was_asked, call.answer = "waiting", False, True, None
        return [*found, Waits((call_id, 1), f"tool-{call_id}")]

    def _ends(self, call_id: str, status: str, value: Any) -> list[Happening]:
        call = self.calls.get(call_id)
        if call is None or call.status not in UNFINISHED:
            return []
        values = {"error" if status == "error" else "result": value}
        self.turn.call_ended(call_id, status, **values)  # type: ignore[arg-type]
        found: list[Happening] = []
        if call.was_asked and call.answer is None and status in ("completed", "error"):
            found = [Answered((call_id, 1), f"tool-{call_id}", "allowed")]
        call.status = status
        call.result, call.error = values.get("result"), values.get("error")
        return [*found, self._ended(call_id, call)]

    def _ended(self, call_id: str, call: _Call) -> Ended:
        return Ended(
            (call_id, 1),
            f"tool-{call_id}",
            call.status,  # type: ignore[arg-type]
            result=call.result,
            error=call.error,
        )

    def _hands_over(self, runtime: str) -> list[Happening]:
        target = Turn("s", runtime)
        self.turn.handed_to(target)
        return [HandedOver(runtime, target.turn_id)]

    def _closes(self, status: str) -> list[Happening]:
        before = self._status
        if before not in UNFINISHED:
            return []
        self.turn.close(status, "no answer" if status == "error" else None)  # type: ignore[arg-type]
        self._status = status
        if status == "waiting":
            return [TurnWaits()] if before != "waiting" else []
        error = "no answer" if status == "error" else None
        found: list[Happening] = []
        for call_id, call in self.calls.items() if status == "error" else ():
            if call.status in UNFINISHED:
                call.status = "cancelled"
                found.append(self._ended(call_id, call))
        usage = dict(self.turn.usage)
        return [*found, TurnEnded(status, None, None, error, self._model, usage)]  # type: ignore[arg-type]

    def _resumes(self) -> list[Happening]:
        self.turn.resume()
        was, self._status = self._status, "open" if self._status == "waiting" else self._status
        return [Resumed()] if was == "waiting" else []
