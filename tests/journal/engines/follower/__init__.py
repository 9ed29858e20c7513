"""Followers, and the world that changes under them."""
