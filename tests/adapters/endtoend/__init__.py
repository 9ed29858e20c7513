"""A program for each framework, with real agents: the journal has what was scripted.

`python -m tests.adapters.endtoend FRAMEWORK FOLDER` plays the scenarios one after the other, each
in a session of its name, and hangs in the last one, in the middle of a tool call.
"""
