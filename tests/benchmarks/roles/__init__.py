"""What other processes do, one module for each kind of work."""
