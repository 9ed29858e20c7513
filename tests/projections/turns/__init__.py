"""What the states of turns say: words for statuses, forms of calls, parents."""
