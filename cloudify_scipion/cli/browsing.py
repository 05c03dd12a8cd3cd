"""Opens a link in this machine's browser without saying it where others can read it."""

from __future__ import annotations

import html
import tempfile
import time
import webbrowser
from pathlib import Path

READING_SECONDS = 20.0  # that a browser may take to start and to read the file

PAGE = """<!DOCTYPE html><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url={url}"><title>Desktop</title><p>Opening the desktop …</p>
"""


def browse(url: str) -> bool:
    """Whether a browser has been started. Its command line, which all can read, names a file of this user alone."""
    with tempfile.TemporaryDirectory(prefix="cloudify-scipion-") as folder:
        page = Path(folder, "desktop.html")
        page.touch(mode=0o600)
        page.write_text(PAGE.format(url=html.escape(url)), "utf-8")
        opened = webbrowser.open(page.as_uri())
        if opened:
            time.sleep(READING_SECONDS)
        return opened
