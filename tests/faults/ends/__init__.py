"""Programs that end, each in its own awkward way, and what must be found afterwards."""
