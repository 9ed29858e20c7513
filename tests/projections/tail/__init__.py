"""Tests of the tail."""
