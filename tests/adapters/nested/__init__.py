"""Agents of one framework inside agents of another, all mirrored into one store.

What is protected: that the journal knows who called whom, whatever the frameworks are.
"""
