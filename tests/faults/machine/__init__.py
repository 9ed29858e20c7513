"""The model of the state machine, and the two processes that it follows."""
