"""The digest that a software layer is kept under."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def software_digest(base_digest: str, modules_digest: str, classes: Sequence[str], data: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over all that goes into a software layer: the base, the Puppet code, and what it is told."""
    parts = {"base": base_digest, "modules": modules_digest, "classes": list(classes), "data": data}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
