"""The data space: whether it is there, and what it can hold."""
