"""Reads the SDK's own objects: what went in and came out, models, usage. Pure: no I/O.

Items of an input are dicts, items of a response are objects; both are read in the same way.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agents import Agent, ItemHelpers, RunContextWrapper, default_tool_error_function
from agents.models.default_models import get_default_model
from agents.models.multi_provider import MultiProvider
from agents.models.openai_provider import OpenAIProvider
from agents.tool import default_tool_timeout_error_message
from agents.usage import Usage
from pydantic import BaseModel


def get(item: object, name: str) -> Any:
    """A field of an item; None if it has no such field."""
    return item.get(name) if isinstance(item, dict) else getattr(item, name, None)


def input_text(items: object) -> str:
    """The latest message of the user in an input; parts that are not text as `[type]`."""
    for item in reversed(items) if isinstance(items, list) else ():
        if get(item, "role") == "user":
            content = get(item, "content")
            return content if isinstance(content, str) else "\n".join(_texts(content))
    return ""


def output_text(output: object) -> object:
    """An output in a form that can be shown.

    What does not fit its model is nothing to warn of: the warning would show it.
    """
    return output.model_dump_json(warnings=False) if isinstance(output, BaseModel) else output


def plain(value: object) -> Any:
    """A value of an item with what was given of it; its classes have fields that are not."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    return (
        value.model_dump(mode="json", exclude_unset=True, warnings=False)
        if isinstance(value, BaseModel)
        else value
    )


def response_texts(output: Iterable[Any]) -> list[str]:
    """The words of a response, by messages; they may be a refusal."""
    texts = (
        ItemHelpers.extract_text(item) or ItemHelpers.extract_refusal(item) for item in output
    )
    return [text for text in texts if text]


def model_of(agent: Agent[Any], config: object = None) -> str | None:
    """The name of the model that answers for an agent in a run with this `run_config`, if known.

    The SDK does not say which one has answered: this goes by its order of choices.
    """
    chosen = get(config, "model") or agent.model
    provider = get(config, "model_provider")
    if chosen is None and (
        provider is None or isinstance(provider, MultiProvider | OpenAIProvider)
    ):
        return get_default_model()
    name = chosen if isinstance(chosen, str) else getattr(chosen, "model", None)
    return name if isinstance(name, str) else None


def usage_of(usage: Usage) -> Mapping[str, float | None]:
    """What a response took, by the names that states have."""
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": getattr(usage.input_tokens_details, "cached_tokens", None),
    }


def error_text_in(context: RunContextWrapper[Any], tool: Any, result: object) -> str | None:
    """The result, if it is a text that the SDK puts in place of an error."""
    texts = [default_tool_error_function(context, Exception())]
    seconds = getattr(tool, "timeout_seconds", None)
    if seconds is not None:
        texts.append(
            default_tool_timeout_error_message(tool_name=tool.name, timeout_seconds=seconds)
        )
    return result if isinstance(result, str) and result in texts else None


def _texts(parts: object) -> Iterator[str]:
    for part in parts if isinstance(parts, list | tuple) else ():
        text = get(part, "text")
        yield text if isinstance(text, str) else f"[{get(part, 'type')}]"
