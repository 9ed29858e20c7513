"""What a session's turns took: turns, tool calls, tokens, cost, time. Pure: no I/O."""
