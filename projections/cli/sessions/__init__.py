"""Sessions of a folder: opening it, finding those that are meant, and how each of them is."""
