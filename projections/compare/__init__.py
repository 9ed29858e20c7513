"""JSON values of different times: what is different, and which event set what."""
