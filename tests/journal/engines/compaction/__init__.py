"""Compactions, with others at work beside them."""
