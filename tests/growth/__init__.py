"""What an operation costs must not grow with what it has nothing to do with.

Counted at n and 2n: steps of the interpreter, calls of a storage, bytes. Never time.
"""
