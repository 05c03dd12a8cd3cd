"""The real page before a gateway of the test's own, with a stand-in for noVNC."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from tests.browser.way import Way
from tests.unit.desktop.conftest import FILES
from tests.unit.desktop.served import Served

ELSEWHERE = "desktop.example"  # a name of the gateway that no browser takes for its own machine
STAND_IN = Path(__file__).parent / "stand_in"
PAUSES = re.compile(r"(?<=PAUSES = )\[[\d, ]+\]")
QUIET, PATIENCE = re.compile(r"(?<=QUIET = )\d+"), re.compile(r"(?<=PATIENCE = )\d+")


def show(served: Served, folder: Path) -> None:
    """Serve the page out of `folder`, but for its patience: what takes seconds to be said is said at once."""
    page = folder / "hasty-page"
    shutil.copytree(FILES / "page", page)
    script = (page / "desktop.js").read_text("utf-8")
    for setting, value in ((PAUSES, "[0, 50, 100]"), (QUIET, "1000"), (PATIENCE, "1500")):
        script, changes = setting.subn(value, script)
        assert changes == 1
    (page / "desktop.js").write_text(script, "utf-8")
    places = {"page": str(page), "novnc": str(STAND_IN), "saving": str(folder / "saving")}
    served.gateway.config = replace(served.gateway.config, **places)
    served.gateway.site = replace(served.gateway.site, names=[ELSEWHERE])
    served.vnc.greeting = b"a picture"


@contextmanager
def way_to(url: str) -> Iterator[Way]:
    """A way to a gateway of this host, which is closed in the end."""
    way = Way(urlsplit(url).port or 0)
    yield way
    way.close()
