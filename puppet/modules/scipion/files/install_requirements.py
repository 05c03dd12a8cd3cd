"""Installs hash-pinned requirements into a virtual environment: install_requirements.py REQUIREMENTS VENV WHEELS

Distributions that the folder WHEELS lacks are downloaded into it, with pip's own configuration; the installation then
uses nothing but that folder. The environment is made anew, so that it holds what the requirements say and nothing else.
Exit status: 0, or that of the step that failed, whose output says why.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, "/usr/local/lib/cloudify-scipion")

from cloudify_fetching import pip as index  # noqa: E402

STAMP = "requirements.sha256"
# Source distributions are built with these, so they are installed first.
BUILD_TOOLS = ("setuptools==",)
# A third of all files are the libraries' own tests, which nobody imports (Scipion's, in pwem and pyworkflow, are).
NOT_COMPILED = r"/site-packages/(?!pwem|pyworkflow)[^/]+/(.*/)?tests/"
_LINE = re.compile(r"^(?P<pin>[A-Za-z0-9._-]+==\S+)(?P<hashes>(\s+--hash=sha256:[0-9a-f]{64})+)$")


def parse(text: str) -> Mapping[str, frozenset[str]]:
    """Sha256 digests allowed for each requirement line. Raises ValueError for a line that is not pinned by hash."""
    wanted: dict[str, frozenset[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        line = line.split(" #")[0].strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise ValueError(f"not pinned by version and sha256: {line}")
        wanted[line] = frozenset(re.findall(r"sha256:([0-9a-f]{64})", match["hashes"]))
    return wanted


def missing(wanted: Mapping[str, frozenset[str]], kept: Iterable[str]) -> Sequence[str]:
    """The requirement lines for which no kept file (given by its digest) will do."""
    have = frozenset(kept)
    return [line for line, digests in wanted.items() if not digests & have]


def digests(folder: Path) -> list[str]:
    """Sha256 of each file in a folder."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir()) if path.is_file()]


def pip(venv: Path, *arguments: str) -> None:
    """Run the environment's pip; raises CalledProcessError."""
    quiet = ["--disable-pip-version-check", "--no-input", "--quiet"]
    subprocess.run([str(venv / "bin" / "python"), "-m", "pip", *arguments, *quiet], check=True)


@contextmanager
def requirements_file(text: str) -> Iterator[str]:
    """A file of that text, for as long as it is needed."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(text + "\n")
        file.flush()
        yield file.name


def download(venv: Path, lines: Sequence[str], wheels: Path) -> None:
    """Fetch what the folder of wheels lacks."""
    options = ["--require-hashes", "--no-deps", "--no-build-isolation", "--no-cache-dir", "--dest", str(wheels)]
    python = str(venv / "bin" / "python")
    with requirements_file("\n".join(lines)) as name:
        code = index.download(python, [*options, "--requirement", name], len(lines))
    if code:
        raise subprocess.CalledProcessError(code, [python, "-m", "pip", "download"])


def install(venv: Path, requirements: Path, wheels: Path) -> None:
    """Install from the folder of wheels alone, and compile on all cores: pip itself would use one."""
    text = requirements.read_text()
    tools = [line for line in parse(text) if line.startswith(BUILD_TOOLS)]
    options = ["--require-hashes", "--no-deps", "--no-build-isolation", "--use-pep517", "--no-compile", "--no-index"]
    for part in ("\n".join(tools), text):
        with requirements_file(part) as name:
            pip(venv, "install", *options, "--find-links", str(wheels), "--requirement", name)
    # A few files in the wheels are not meant for this Python and do not compile: that is no failure.
    compile_all = [str(venv / "bin" / "python"), "-m", "compileall", "-q", "-q", "-j", str(os.cpu_count() or 1)]
    subprocess.run([*compile_all, "-x", NOT_COMPILED, str(venv / "lib")], check=False)


def main(arguments: Sequence[str]) -> int:
    """Install; see the module's description."""
    requirements, venv, wheels = (Path(argument) for argument in arguments)
    text = requirements.read_text()
    wanted = parse(text)
    wheels.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        if lines := missing(wanted, digests(wheels)):
            download(venv, lines, wheels)
        install(venv, requirements, wheels)
    except subprocess.CalledProcessError as error:
        if "download" not in error.cmd:  # that one has said why
            print(f"failed: {' '.join(error.cmd)}", file=sys.stderr)
        return error.returncode
    (venv / STAMP).write_text(hashlib.sha256(text.encode()).hexdigest())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
