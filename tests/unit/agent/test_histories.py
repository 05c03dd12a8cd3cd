"""Long random histories of a user, the data space's web pages, machines that die and agents that are killed.

In the end, whatever anybody gave a path last is in the data space, its trash, or a conflict's copy; and the agent has
never changed or removed anything in a working copy.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.agent.histories.history import History
from tests.unit.agent.histories.steps import Step, steps

MEMORY = "/dev/shm"
EXAMPLES = int(os.environ.get("HISTORIES", "500"))
"""So many of the same histories at every run; another number takes others each time (`make soak`)."""


@pytest.mark.long
@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 500, suppress_health_check=list(HealthCheck),
    print_blob=True,
)  # fmt: skip
@given(st.lists(steps, min_size=30, max_size=45))
def test_nothing_is_ever_lost(history: list[Step]) -> None:
    writable = mock.patch("cloudify_scipion.agent.work.seal._must_be_read_only", new=lambda _: None)
    with writable, tempfile.TemporaryDirectory(dir=MEMORY if Path(MEMORY).is_dir() else None) as folder:
        History(Path(folder)).live(history)
