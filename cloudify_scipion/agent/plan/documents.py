"""Reading JSON that anybody may have written."""

from __future__ import annotations

import json
from typing import Any


def parse(text: bytes | str) -> Any:
    """What `json.loads` makes of it. Raises ValueError for everything else, also for what is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
