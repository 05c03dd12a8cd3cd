"""Folders of the host as data spaces: made below their root, and nowhere else."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.adapters.empty_state import remove_empty_state
from cloudify_scipion.adapters.local.spaces import HostFolders
from cloudify_scipion.adapters.services import make_services
from cloudify_scipion.errors import PermanentError, ReadOnlyDataSpace
from cloudify_scipion.lifecycle.facts import FolderMount


def mount(space: str, root: str, path: str, make: bool) -> FolderMount:
    return FolderMount(space, root, path, "/data", read_only=not make)


def test_a_space_of_our_own(tmp_path: Path) -> None:
    folders = HostFolders(tmp_path / "spaces")
    made = folders.ensure(mount("local", "", "groups/a b/p", make=True))
    assert made == tmp_path / "spaces/local/groups/a b/p"
    assert made.stat().st_mode & 0o777 == 0o700
    (made / "kept").write_text("x")
    assert folders.ensure(mount("local", "", "groups/a b/p", make=True)) == made
    assert folders.ensure(mount("local", "", "groups/a b/p", make=False)) == made
    assert (made / "kept").exists()


def test_a_root_is_never_made_and_what_is_only_read_neither(tmp_path: Path) -> None:
    folders = HostFolders(tmp_path / "spaces")
    with pytest.raises(PermanentError, match="is not there"):
        folders.ensure(mount("facility", str(tmp_path / "srv"), "p", make=True))
    (tmp_path / "srv").mkdir()
    with pytest.raises(PermanentError, match="'raw' in it is not a folder"):
        folders.ensure(mount("facility", str(tmp_path / "srv"), "raw", make=False))
    assert folders.ensure(mount("facility", str(tmp_path / "srv"), "p", make=True)) == tmp_path / "srv/p"


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_root_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def mkdir(name: str, *_: Any, **__: Any) -> None:
        raise OSError(errno.EEXIST if name == "there" else number, os.strerror(number))

    (tmp_path / "there").mkdir()
    monkeypatch.setattr(os, "mkdir", mkdir)
    with pytest.raises(ReadOnlyDataSpace) as caught:
        HostFolders(tmp_path / "spaces").ensure(mount("facility", str(tmp_path), "there/p", make=True))
    assert caught.value.what == (
        "nothing can be saved in the data space 'facility': it is mounted or granted read-only "
        f"('p' of 'there/p' cannot be made: {os.strerror(number)})"
    )
    assert "writable for root" in caught.value.next_step


@pytest.mark.parametrize("path", ["", "/etc", "../x", "a/../../x", "a/.."])
def test_paths_that_lead_out(tmp_path: Path, path: str) -> None:
    with pytest.raises(PermanentError, match="not a folder below the data space"):
        HostFolders(tmp_path).ensure(mount("local", "", path, make=True))


@pytest.mark.parametrize("make", [True, False])
def test_symlinks_and_files_are_refused_wherever_they_are(tmp_path: Path, make: bool) -> None:
    outside, space = tmp_path / "outside", tmp_path / "spaces/local"
    (outside / "p").mkdir(parents=True)
    space.mkdir(parents=True)
    (space / "evil").symlink_to(outside)
    (space / "file").write_text("")
    for path in ("evil", "evil/p", "file", "file/p"):
        with pytest.raises(PermanentError, match="cannot be used"):
            HostFolders(tmp_path / "spaces").ensure(mount("local", "", path, make))
    assert [entry.name for entry in outside.iterdir()] == ["p"]


def test_a_state_root_with_saved_data_is_not_empty(tmp_path: Path) -> None:
    made = HostFolders(tmp_path / "state/spaces").ensure(mount("local", "", "p", make=True))
    assert not remove_empty_state(make_services(print, tmp_path / "state"), tmp_path / "state")
    made.rmdir()
    assert remove_empty_state(make_services(print, tmp_path / "state"), tmp_path / "state")


def test_a_folder_in_another_projects_is_refused(tmp_path: Path) -> None:
    """That one would pull it, and save it as its own."""
    folders = HostFolders(tmp_path / "spaces")
    outer = folders.ensure(mount("local", "", "user", make=True))
    (outer / ".cloudify-scipion").mkdir()
    (outer / ".cloudify-scipion/space.json").write_text("p1")
    with pytest.raises(PermanentError, match="local:user/run2 lies in the folder of another project, local:user"):
        folders.ensure(mount("local", "", "user/run2", make=True))
    assert not (outer / "run2").exists()
    assert folders.ensure(mount("local", "", "user", make=True)) == outer
    (outer / "raw").mkdir()
    assert folders.ensure(mount("local", "", "user/raw", make=False)) == outer / "raw", "a dataset may be anywhere"
