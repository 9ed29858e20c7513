"""Agents of the OpenAI Agents SDK, mirrored: real agents, a model that says what the test wants.

What is protected: that each turn is in the journal as it happens, whichever way it is started
and ends, and that no agent notices.
"""
