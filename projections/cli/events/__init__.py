"""Which events `log`, `tail` and `replay` show: those there already, and those to come."""
