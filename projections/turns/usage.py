"""Tokens and cost in the usage of a turn, by the names that SDKs have for them. Pure: no I/O."""

from collections.abc import Mapping

_INPUT = ("input_tokens", "prompt_tokens")
_OUTPUT = ("output_tokens", "completion_tokens")
_CACHED = (
    *("cache_read_tokens", "cache_read_input_tokens", "cached_tokens", "cached_input_tokens"),
)
_TOTAL = ("total_tokens",)
_COST = ("cost_usd", "total_cost_usd", "cost")


def tokens_in(usage: Mapping[str, float]) -> int:
    """Tokens that went in, those of a cache too, and came out; 0 if that is not known."""
    both = _first(usage, _INPUT) + _first(usage, _OUTPUT)
    return int(both or _first(usage, _TOTAL))


def cost_in(usage: Mapping[str, float]) -> float:
    """US dollars; 0 if that is not known."""
    return _first(usage, _COST)


def _first(usage: Mapping[str, float], names: tuple[str, ...]) -> float:
    return next((usage[name] for name in names if usage.get(name)), 0)


def input_tokens_in(usage: Mapping[str, float]) -> int:
    """Tokens that went in, those of a cache among them if the SDK counts them so."""
    return int(_first(usage, _INPUT))


def output_tokens_in(usage: Mapping[str, float]) -> int:
    """Tokens that came out."""
    return int(_first(usage, _OUTPUT))


def cached_tokens_in(usage: Mapping[str, float]) -> int:
    """Tokens that were read from a cache."""
    return int(_first(usage, _CACHED))
