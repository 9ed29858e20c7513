"""Who had a session when, what was handed over, and what was lost: see `audit`."""
