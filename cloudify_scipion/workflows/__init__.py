"""Thin Cloudify workflows: they only call the use cases that the commands call, too."""
