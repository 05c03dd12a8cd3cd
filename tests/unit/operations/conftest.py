"""Installations on fakes, and no operation's context left behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cloudify.state import current_ctx

from tests.fakes.fixtures import demo, new_world, world

__all__ = ["demo", "new_world", "world"]


@pytest.fixture(autouse=True)
def no_context_is_left() -> Iterator[None]:
    """Also by a test that fails."""
    yield
    current_ctx.clear()
