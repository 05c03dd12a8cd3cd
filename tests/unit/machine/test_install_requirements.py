"""The machine's installer of hashed requirements."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path

import install_requirements as ir
import pytest

A, B = "a" * 64, "b" * 64


def test_pins_comments_and_continued_lines_are_read() -> None:
    text = f"# a comment\n\nx==1 --hash=sha256:{A}  # why\ny==2 \\\n  --hash=sha256:{A} \\\n  --hash=sha256:{B}\n"
    assert list(ir.parse(text).values()) == [{A}, {A, B}]


@pytest.mark.parametrize("line", ["numpy", "numpy==1", f"numpy --hash=sha256:{A}", "-e .", "numpy==1 --hash=md5:abc"])
def test_what_is_not_pinned_by_hash_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not pinned"):
        ir.parse(line)


def test_only_what_is_not_kept_is_missing() -> None:
    wanted = {"x==1": frozenset({A}), "y==1": frozenset({B})}
    assert ir.missing(wanted, [A]) == ["y==1"]
    assert ir.missing(wanted, [A, B]) == []


def wheel(folder: Path, name: str) -> str:
    """A wheel that holds one module; its sha256."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "VALUE = 1\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.packaging
def test_an_environment_holds_what_the_requirements_say_and_nothing_else(tmp_path: Path) -> None:
    wheels, venv, requirements = tmp_path / "wheels", tmp_path / "venv", tmp_path / "requirements.txt"
    wheels.mkdir()
    one, two = wheel(wheels, "one"), wheel(wheels, "two")
    for text in (f"one==1.0 --hash=sha256:{one}\n", f"two==1.0 --hash=sha256:{two}\n"):
        requirements.write_text(text)
        assert ir.main([str(requirements), str(venv), str(wheels)]) == 0
        assert (venv / ir.STAMP).read_text() == hashlib.sha256(text.encode()).hexdigest()
    python = str(venv / "bin/python")
    assert subprocess.run([python, "-c", "import two"], check=False).returncode == 0
    assert subprocess.run([python, "-c", "import one"], check=False, stderr=subprocess.DEVNULL).returncode == 1
    assert list(venv.glob("lib/python*/site-packages/__pycache__/two.*.pyc"))


@pytest.mark.packaging
def test_an_installation_that_fails_leaves_no_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"nowhere==1.0 --hash=sha256:{A}\n")
    assert ir.main([str(requirements), str(tmp_path / "venv"), str(tmp_path / "wheels")]) != 0
    assert not (tmp_path / "venv" / ir.STAMP).exists()
