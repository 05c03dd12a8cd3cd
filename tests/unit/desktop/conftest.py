"""The gateway and the desktop's programs are shipped by their Puppet module: they are imported from there."""

from __future__ import annotations

import sys
from pathlib import Path

FILES = Path(__file__).parents[3] / "puppet/modules/desktop/files"
sys.path[:0] = [str(FILES / "gateway"), str(FILES / "saving"), str(FILES / "helper")]
