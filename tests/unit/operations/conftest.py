"""Installations on fakes."""

from tests.fakes.fixtures import demo, new_world, world

__all__ = ["demo", "new_world", "world"]
