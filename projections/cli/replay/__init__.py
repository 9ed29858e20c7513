"""What `journal replay` plays with: a player, its keys, its pauses, and who has the session."""
