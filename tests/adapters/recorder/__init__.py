"""What the recorder makes of turns, on real files, both ways: from threads and from a loop."""
