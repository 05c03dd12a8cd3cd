"""Where the desktop's programs are."""

from __future__ import annotations

from pathlib import Path

FILES = Path(__file__).parents[3] / "puppet/modules/desktop/files"
