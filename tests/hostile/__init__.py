"""A hostile data space: a stand-in for OneData's client that misbehaves when told to (tests use `space.py`)."""
