"""PraisonAI: its session stores on top of the journal, and its agents mirrored."""

from projections.adapters.praisonai.store import (
    JournalHierarchicalSessionStore,
    JournalSessionStore,
)

__all__ = ["JournalHierarchicalSessionStore", "JournalSessionStore"]
