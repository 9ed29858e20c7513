"""The write side: one log, its events, and the folder they lie in."""
