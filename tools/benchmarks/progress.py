"""What a benchmark does just now, on the error stream: its page goes to the other one."""

from __future__ import annotations

import sys
from datetime import datetime


def say(text: str) -> None:
    """One line with the time of day, seen at once."""
    print(f"{datetime.now():%H:%M:%S}  {text}", file=sys.stderr, flush=True)
