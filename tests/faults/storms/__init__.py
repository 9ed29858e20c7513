"""Workers in processes and threads, killed at random, and the checker of all they did."""
