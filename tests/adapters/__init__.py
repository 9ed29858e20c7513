"""Agents of other frameworks, mirrored."""
