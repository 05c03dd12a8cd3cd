"""Saving: the parts of a push."""
