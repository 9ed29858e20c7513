"""Agents of the OpenAI Agents SDK, mirrored."""

from projections.adapters.extras import of_extra
from projections.adapters.mirroring import Mirror

with of_extra("openai-agents"):
    from projections.adapters.openai_agents.hooks import JournalHooks
    from projections.adapters.openai_agents.mirror import mirror

__all__ = ["JournalHooks", "Mirror", "mirror"]
