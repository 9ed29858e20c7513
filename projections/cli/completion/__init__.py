"""What a shell may complete: how it asks, and the ids, names and values that a folder has."""
