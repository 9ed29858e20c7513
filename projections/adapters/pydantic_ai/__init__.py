"""Pydantic AI: the turns of its agents, mirrored by a capability or in the whole process."""

from projections.adapters.mirroring import Mirror
from projections.adapters.pydantic_ai.capability import JournalCapability
from projections.adapters.pydantic_ai.mirror import mirror

__all__ = ["JournalCapability", "Mirror", "mirror"]
