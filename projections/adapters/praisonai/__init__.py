"""PraisonAI: its session stores on top of the journal, and its agents mirrored."""

from projections.adapters.extras import of_extra
from projections.adapters.mirroring import Mirror

with of_extra("praisonai"):
    from projections.adapters.praisonai.hierarchy import JournalHierarchicalSessionStore
    from projections.adapters.praisonai.mirror import mirror
    from projections.adapters.praisonai.store import JournalSessionStore

__all__ = ["JournalHierarchicalSessionStore", "JournalSessionStore", "Mirror", "mirror"]
