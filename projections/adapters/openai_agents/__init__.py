"""Agents of the OpenAI Agents SDK, mirrored."""

from projections.adapters.mirroring import Mirror
from projections.adapters.openai_agents.hooks import JournalHooks
from projections.adapters.openai_agents.mirror import mirror

__all__ = ["JournalHooks", "Mirror", "mirror"]
