"""The store: its API, its settings, what it does in the background, and the session file."""
