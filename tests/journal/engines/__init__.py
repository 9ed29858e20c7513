"""The engines: one contract for all of them, and what the files engine promises besides."""
