"""Secrets: from the environment or from private files; errors never show a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudify_scipion.adapters.secrets import FileSecrets
from cloudify_scipion.errors import PermanentError


def put(folder: Path, name: str, mode: int) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("hunter2\n")
    path.chmod(mode)
    return path


def test_a_file(tmp_path: Path) -> None:
    put(tmp_path, "desk-key", 0o600)
    assert FileSecrets(tmp_path, {}).get("desk-key") == "hunter2\n"


def test_the_environment_comes_first(tmp_path: Path) -> None:
    put(tmp_path, "desk-key", 0o600)
    secrets = FileSecrets(tmp_path, {"CLOUDIFY_SCIPION_SECRET_DESK_KEY": "from there"})
    assert secrets.get("desk-key") == "from there"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = put(tmp_path, "desk-key", mode)
    with pytest.raises(PermanentError) as caught:
        FileSecrets(tmp_path, {}).get("desk-key")
    assert caught.value.next_step == f"chmod 600 {path}"
    assert "hunter2" not in str(caught.value)


def test_an_unknown_one_is_named_with_both_places(tmp_path: Path) -> None:
    with pytest.raises(PermanentError) as caught:
        FileSecrets(tmp_path, {"CLOUDIFY_SCIPION_SECRET_OTHER": "hunter2"}).get("desk-key")
    assert "'desk-key' is not known" in caught.value.what
    assert str(tmp_path / "desk-key") in caught.value.next_step
    assert "CLOUDIFY_SCIPION_SECRET_DESK_KEY" in caught.value.next_step
    assert "hunter2" not in str(caught.value)


def test_a_projects_own_comes_from_its_file_alone(tmp_path: Path) -> None:
    """Two names with a dot could mean the same variable."""
    put(tmp_path, "desk.key", 0o600)
    environment = {"CLOUDIFY_SCIPION_SECRET_DESK_KEY": "of another project"}
    assert FileSecrets(tmp_path, environment).get("desk.key") == "hunter2\n"
    with pytest.raises(PermanentError) as caught:
        FileSecrets(tmp_path, environment).get("desk.more")
    assert caught.value.next_step == f"put it into {tmp_path / 'desk.more'} (mode 0600)"


@pytest.mark.parametrize("name", ["", "../passwd", "a/b", ".hidden", "a b", "a\n", "x" * 101])
def test_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(PermanentError, match="is not a valid name of a secret"):
        FileSecrets(tmp_path, {}).get(name)
