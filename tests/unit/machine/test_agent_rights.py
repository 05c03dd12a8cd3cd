"""What the agent can do on the machine: tried as its user, with the capabilities that its unit gives it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNIT = ROOT / "puppet/modules/working_copy/templates/scipion-data@.service.epp"
AGENT, USER = 2001, 2000
ASKS = """
import os, sys
from cloudify_scipion.agent.ports.in_use import nobody_else_has_it
with nobody_else_has_it(os.open(sys.argv[1], os.O_RDONLY)) as alone:
    print(alone)
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")


def as_agent(*words: str) -> str:
    """Run Python so; returns what it printed."""
    (given,) = re.findall(r"^AmbientCapabilities=(.+)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    caps = ",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in given.split())])
    become = ["setpriv", f"--reuid={AGENT}", f"--regid={AGENT}", "--clear-groups", "--no-new-privs",
              f"--bounding-set={caps}", f"--inh-caps={caps}", f"--ambient-caps={caps}"]  # fmt: skip
    code = [*become, "env", f"PYTHONPATH={ROOT}", sys.executable, "-B", "-c", *words]
    return subprocess.run(code, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_it_knows_whether_somebody_has_a_file_of_the_users_open(tmp_path: Path, mode: int) -> None:
    """Such a file is not replaced: whoever has it open would write into one that is no more."""
    path = tmp_path / "movie.mrcs"
    path.write_bytes(b"part")
    path.chmod(mode)
    os.chown(path, USER, USER)
    assert as_agent(ASKS, str(path)) == "True"
    with path.open("r+b"):
        assert as_agent(ASKS, str(path)) == "False"
