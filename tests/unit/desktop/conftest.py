"""The gateway is shipped by its Puppet module, not by the package: it is imported from there."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "puppet/modules/desktop/files/gateway"))
