"""The stand-in as one executable file (a zipapp with mfusepy in it), for machines that have Python and libfuse 3."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import zipapp
from pathlib import Path

_PACKAGE = "oneclient_stand_in"


def build(target: Path) -> Path:
    """Writes the file, executable; for Debian's Python."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(
            Path(__file__).parent / "standin", folder / _PACKAGE, ignore=shutil.ignore_patterns("__pycache__")
        )
        found = importlib.util.find_spec("mfusepy")
        if found is None or found.origin is None:
            raise RuntimeError("mfusepy is not installed: see requirements-dev.txt")
        shutil.copy(found.origin, folder)
        (folder / "__main__.py").write_text(
            f"from runpy import run_module\n\nrun_module({_PACKAGE!r}, run_name='__main__')\n"
        )
        zipapp.create_archive(folder, target, interpreter="/usr/bin/env python3", compressed=True)
    target.chmod(0o755)
    return target
