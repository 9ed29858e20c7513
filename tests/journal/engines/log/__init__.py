"""Tests of `FileLog`."""
