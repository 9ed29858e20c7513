"""The store for event loops: the same store, in the order of the calls, and no call blocks.

Where something has to wait, a disk is stopped by a `Gate` until the test has seen what it came
for; nothing here goes by the clock.
"""
