"""Logs that strangers change under those who have them open."""
