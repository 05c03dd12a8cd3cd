"""The agent is a program of its own: whoever works on it needs no Cloudify."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("cloudify", "cloudify_rest_client", "dsl_parser", "jinja2", "click")
FOUND = sorted(path.relative_to(ROOT).with_suffix("") for path in (ROOT / "tests/unit/agent").rglob("*.py"))
MODULES = ["tests.conftest", *(".".join(path.parts) for path in FOUND)]
IMPORT = f"""
import importlib, sys
sys.modules.update(dict.fromkeys({LIBRARIES}))
for name in {MODULES}:
    importlib.import_module(name)
"""


def test_its_tests_run_where_cloudify_is_not() -> None:
    assert len(MODULES) > 60 and list((ROOT / "tests/unit").glob("conftest.py")) == []
    ran = subprocess.run([sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
