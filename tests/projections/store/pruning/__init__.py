"""Pruning: which sessions go, which stay, and that a store does it by itself."""
