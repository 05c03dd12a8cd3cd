"""Data that ships with the package: Puppet code, the plugin's description, and the agent as one file.

A checkout (or an editable install of one) has them at its root; in a wheel they are inside the package.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from cloudify_scipion.errors import PermanentError

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "_shipped"
AGENT_FILE = "modules/working_copy/files/scipion-data.pyz"
"""Where the machine's Puppet finds the agent."""
_MAIN = b"import sys\n\nfrom cloudify_scipion.agent.cli import main\n\nsys.exit(main())\n"
_NOT_SHIPPED = frozenset({"spec", ".git", "__pycache__", ".rspec", ".fixtures.yml", "Rakefile"})


def puppet_folder() -> Path:
    """The folder of Puppet code: hiera.yaml, data, manifests, modules."""
    return _find("puppet")


def plugin_description() -> bytes:
    """The text of plugin.yaml."""
    return _find("plugin.yaml").read_bytes()


def shipped_files(folder: Path) -> dict[str, Path]:
    """Files below a folder of Puppet code, without the modules' own tests and without hidden files."""
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part in _NOT_SHIPPED or part.startswith(".") for part in parts):
            found["/".join(parts)] = path
    return found


def files_digest(files: Mapping[str, Path]) -> str:
    """SHA-256 (hex) over names and contents of Puppet code; documents do not count."""
    digest = hashlib.sha256()
    for name, path in files.items():
        if not name.endswith(".md"):
            digest.update(f"{len(name)}:{name}:".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def made_files() -> dict[str, bytes]:
    """What is sent to machines with the Puppet code, made of other parts of the package."""
    return {AGENT_FILE: agent_archive()}


def agent_archive(package: Path = _PACKAGE) -> bytes:
    """The agent as one file that Python runs (a zipapp). The same code gives the same bytes.

    It holds the folder `agent` of the package, which imports nothing else of it.
    """
    sources = [package / "__init__.py", *sorted((package / "agent").rglob("*"))]
    found = {f"{package.name}/{path.relative_to(package).as_posix()}": path for path in sources if _is_code(path)}
    if f"{package.name}/agent/cli.py" not in found:
        raise PermanentError(
            "the agent is missing from this installation of cloudify-scipion", "install the package again"
        )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        _add(archive, "__main__.py", _MAIN)
        for name in sorted(found):
            _add(archive, name, found[name].read_bytes())
    return content.getvalue()


def _is_code(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name)  # of 1980, whenever it is made
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


def _find(name: str) -> Path:
    for folder in (_SHIPPED, _PACKAGE.parent):
        if (folder / name).exists() and (folder == _SHIPPED or (folder / "setup.py").exists()):
            return folder / name
    raise PermanentError(f"{name} is missing from this installation of cloudify-scipion", "install the package again")
