"""JSON values of different times: their differences, and which event set which value."""
