"""Answers are read the same from every form in which a client may return them."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from projections.adapters.praisonai.answers import (
    AskedCall,
    Chunks,
    ModelAnswer,
    answer_of,
    is_error,
    reported_results,
    whole_of,
)
from tests.adapters.praisonai.litellm_stub import data
from tests.growth.counting import steps

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
NAMES = TEXTS.filter(bool)
CALLS = st.lists(st.builds(AskedCall, NAMES, NAMES, TEXTS), max_size=3).map(tuple)
USAGE = st.dictionaries(
    st.sampled_from(["input_tokens", "output_tokens", "cache_read_tokens"]), st.integers(1, 9)
)
ANSWERS = st.builds(ModelAnswer, st.none() | NAMES, USAGE, st.none() | NAMES, TEXTS, CALLS)
FORMS = st.sampled_from([lambda value: value, data])
"""Dicts, or objects."""

WORDS = (
    "choices message delta content tool_calls function name id index arguments usage output type "
    "call_id text role tool_call_id prompt_tokens prompt_tokens_details finish_reason"
)
KEYS = st.sampled_from(WORDS.split())
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def chat_usage(usage: dict[str, float]) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.get("input_tokens", 0),
        "completion_tokens": usage.get("output_tokens", 0),
        "prompt_tokens_details": {"cached_tokens": usage.get("cache_read_tokens")},
    }


def chat_calls(answer: ModelAnswer) -> list[dict[str, Any]]:
    return [
        {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
        for call in answer.calls
    ]


def as_completion(answer: ModelAnswer) -> dict[str, Any]:
    message = {"content": answer.words or None, "tool_calls": chat_calls(answer) or None}
    choice = {"message": message, "finish_reason": answer.stop_reason}
    return {"model": answer.model, "choices": [choice], "usage": chat_usage(answer.usage)}


def as_response(answer: ModelAnswer) -> dict[str, Any]:
    text = {"type": "output_text", "text": answer.words}
    calls = [
        {"type": "function_call", "call_id": call.id, "name": call.name}
        | {"arguments": call.arguments}
        for call in answer.calls
    ]
    usage = {
        "input_tokens": answer.usage.get("input_tokens"),
        "output_tokens": answer.usage.get("output_tokens"),
        "input_tokens_details": {"cached_tokens": answer.usage.get("cache_read_tokens")},
    }
    output = [{"type": "message", "content": [text]}, *calls]
    return {"model": answer.model, "status": answer.stop_reason, "output": output, "usage": usage}


def as_chunks(answer: ModelAnswer) -> list[dict[str, Any]]:
    """A character at a time; the calls piece by piece, in turns."""
    deltas: list[dict[str, Any]] = [{"content": letter} for letter in answer.words]
    deltas += [
        {"tool_calls": [{"index": index, "id": call.id, "function": {"name": call.name}}]}
        for index, call in enumerate(answer.calls)
    ]
    pieces = [
        (place, index, letter)
        for index, call in enumerate(answer.calls)
        for place, letter in enumerate(str(call.arguments))
    ]
    deltas += [
        {"tool_calls": [{"index": index, "function": {"arguments": letter}}]}
        for _, index, letter in sorted(pieces)
    ]
    chunks: list[dict[str, Any]] = [
        {"model": answer.model, "choices": [{"delta": each}]} for each in deltas
    ]
    chunks.append({"choices": [{"delta": {}, "finish_reason": answer.stop_reason}]})
    chunks.append({"model": answer.model, "choices": [], "usage": chat_usage(answer.usage)})
    return chunks


@given(ANSWERS, FORMS)
def test_a_chat_completion_is_read(answer: ModelAnswer, form: Any) -> None:
    assert answer_of(form(as_completion(answer))) == answer


@given(ANSWERS, FORMS)
def test_one_of_openais_responses_is_read(answer: ModelAnswer, form: Any) -> None:
    assert answer_of(form(as_response(answer))) == answer


@given(ANSWERS, FORMS)
def test_chunks_make_the_same_answer(answer: ModelAnswer, form: Any) -> None:
    chunks = Chunks()
    for chunk in as_chunks(answer):
        chunks.add(form(chunk))
    assert answer_of(chunks.whole()) == answer


def test_calls_that_a_stream_gives_one_index_are_told_apart_by_their_ids() -> None:
    """Some models count each piece as the first."""
    chunks = Chunks()
    for call_id, arguments in (("c-1", "{"), (None, "}"), ("c-2", "[]"), ("c-2", "")):
        piece = {"id": call_id, "function": {"name": "weather", "arguments": arguments}}
        chunks.add({"choices": [{"delta": {"tool_calls": [piece]}}]})
    answer = answer_of(chunks.whole())
    assert answer is not None
    assert answer.calls == (AskedCall("c-1", "weather", "{}"), AskedCall("c-2", "weather", "[]"))


@given(ANSWERS, FORMS)
def test_a_streamed_response_as_praisonai_puts_it_together_is_the_same_answer(
    answer: ModelAnswer, form: Any
) -> None:
    streamed = (answer.words, chat_calls(answer) or None, form(as_response(answer)))
    assert answer_of(whole_of(streamed)) == answer


@given(ANYTHING)
def test_what_is_of_another_kind_is_left_out(strange: Any) -> None:
    answer = answer_of(strange)
    if answer is not None:
        assert all(isinstance(call.name, str) for call in answer.calls)
    chunks = Chunks()
    chunks.add(strange)
    chunks.add({"choices": [{"delta": {"tool_calls": [{"index": strange}, strange]}}]})
    assert answer_of(chunks.whole()) is not None
    assert all(isinstance(result, str) for result in reported_results(strange).values())


def test_which_results_a_model_is_given_of_its_calls() -> None:
    messages = [
        {"role": "user", "content": "go"},
        {"role": "tool", "tool_call_id": "c-1", "content": "before"},
        {"role": "tool", "tool_call_id": "c-1", "content": "sunny"},
        {"type": "function_call_output", "call_id": "c-2", "output": "rain"},
        {"role": "tool", "content": "of nobody"},
    ]
    assert reported_results(messages) == {"c-1": "sunny", "c-2": "rain"}


def test_which_results_report_an_error() -> None:
    assert is_error(json.dumps({"error": "no such city"}))
    assert is_error("Error: arguments for tool 'weather' could not be parsed")
    assert not any(map(is_error, ['{"error": null}', "sunny", "[1]", "{", "[" * 100_000]))


def test_what_a_stream_costs_grows_with_its_chunks() -> None:
    def put_together(count: int) -> int:
        answer = ModelAnswer("m", {}, None, "x" * count, (AskedCall("c", "n", "y" * count),))
        pieces = as_chunks(answer)

        def run() -> None:
            chunks = Chunks()
            for chunk in pieces:
                chunks.add(chunk)
            chunks.whole()

        return steps(run)

    assert put_together(400) < 2.2 * put_together(200)
