"""The gateway imports what it needs: the standard library, one package of Debian's, and the words about saving."""

from __future__ import annotations

import subprocess
import sys

from tests.unit.desktop.conftest import FILES

LOADED = "import sys; sys.path[:0] = sys.argv[1:]; import cloudify_desktop.{}; print(*sys.modules)"


def packages(module: str) -> set[str]:
    """What comes with a module, besides the standard library."""
    words = [sys.executable, "-c", LOADED.format(module), str(FILES / "gateway"), str(FILES / "saving")]
    loaded = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    startup = subprocess.run([sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True)
    new = {name.partition(".")[0] for name in set(loaded) - set(startup.stdout.split())}
    return new - set(sys.stdlib_module_names)


def test_the_gateway_needs_websockets_alone() -> None:
    assert packages("server") == {"cloudify_desktop", "cloudify_saving", "websockets"}


def test_the_link_command_needs_nothing() -> None:
    assert packages("link") == {"cloudify_desktop"}
