"""Pydantic AI: the turns of its agents, mirrored by a capability or in the whole process."""

from projections.adapters.extras import of_extra
from projections.adapters.mirroring import Mirror

with of_extra("pydantic-ai"):
    from projections.adapters.pydantic_ai.capability import JournalCapability
    from projections.adapters.pydantic_ai.mirror import mirror

__all__ = ["JournalCapability", "Mirror", "mirror"]
