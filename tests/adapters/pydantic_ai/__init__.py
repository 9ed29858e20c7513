"""Pydantic AI's agents, mirrored: real agents, a model that says what the test wants.

What is protected: that each run is in the journal as it happens, whichever way it is started
and ends, that a run that is over never leaves a turn open, and that no agent notices.
"""
