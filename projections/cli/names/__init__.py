"""Names that people type: which exist, and what to say of wrong ones."""
