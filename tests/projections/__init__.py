"""The read side: the store, what is derived from logs, and looking back."""
