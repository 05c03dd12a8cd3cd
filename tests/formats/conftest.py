"""The kept formats, one folder of them at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.formats.kept import KEPT, copied


@pytest.fixture(params=KEPT, ids=lambda path: path.name)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of all that is kept of one time."""
    return copied(request.param, tmp_path / "kept")
