"""A Scipion plugin of the tests' own; `put` lays it onto a machine, beside the real ones.

It brings a step that a person must finish (no plugin of the catalogue has one) a step that fills a disk, and
one that calls a program.
"""

from __future__ import annotations

from pathlib import Path

from tests.infra.saved import Saved

SITE = "/opt/scipion/venv/lib/python3.11/site-packages"
FILES = {
    "byhand/__init__.py": "plugin.py",
    "byhand/protocols.py": "protocols.py",
}
_ABOUT = {
    "byhand-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: byhand\nVersion: 1.0\n",
    "byhand-1.0.dist-info/entry_points.txt": "[pyworkflow.plugin]\nbyhand = byhand\n",
}


def put(project: Saved) -> None:
    """Install the plugin on the project's machine."""
    project.run("install", "-d", f"{SITE}/byhand", f"{SITE}/byhand-1.0.dist-info")
    texts = {name: (Path(__file__).parent / source).read_text() for name, source in FILES.items()} | _ABOUT
    for name, text in texts.items():
        project.run("install", "-m", "0644", "/dev/stdin", f"{SITE}/{name}", stdin=text.encode())


def take_away(project: Saved) -> None:
    """Remove it again."""
    project.run("rm", "-r", f"{SITE}/byhand", f"{SITE}/byhand-1.0.dist-info")
