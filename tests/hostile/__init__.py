"""A hostile data space: a stand-in for OneData's client that misbehaves when told to (`space.py` is how tests use it)."""
