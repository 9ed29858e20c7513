"""Pruning: which sessions are to go by their age, number and size, and their going.

`rules` has the order, `reasons` what keeps a session, `planning` looks, `pruner` deletes, and
`schedule` has a store do it by itself.
"""
