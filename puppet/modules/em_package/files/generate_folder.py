"""A folder that a Python program makes: generate_folder.py PYTHON SCRIPT HOME

The program is called with a folder beside HOME, which is moved there when it is complete, with the program's digest in
its file .generated. Exit status: that of the program, which says why it failed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

STAMP = ".generated"


def generate(python: Path, script: Path, home: Path) -> int:
    """Make the folder anew; what was there stays until the new one is complete. The program's exit code."""
    part = home.with_name(f"{home.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    if code := subprocess.run([str(python), str(script), str(part)], check=False).returncode:
        return code
    (part / STAMP).write_text(hashlib.sha256(script.read_bytes()).hexdigest())
    if home.exists():
        shutil.rmtree(home)
    part.rename(home)
    return 0


def main(arguments: Sequence[str]) -> int:
    """Do it; see the module's description."""
    python, script, home = map(Path, arguments)
    return generate(python, script, home)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
