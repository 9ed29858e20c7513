"""PraisonAI's agents, mirrored: real agents, a model on the loopback that says what it is told.

What is protected: that each turn is in the journal as it happens, whichever way it is started
and ends, and that no agent notices.
"""
