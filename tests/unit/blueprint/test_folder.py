"""Writing a blueprint folder: all or nothing, and never over something else."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cloudify_scipion.blueprint.folder import write_folder
from cloudify_scipion.blueprint.render import MANIFEST, render
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.project.model import project_from_document
from cloudify_scipion.resources import plugin_description
from tests.unit.project.samples import full_project, site, small_project


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return render(project_from_document(full_project()), site(), plugin_description())


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_written_replaced_and_left_alone(files: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "a" / "out"
    assert write_folder(files, out)
    assert content(out) == files
    assert not write_folder(files, out)
    other = render(project_from_document(small_project()), site(), plugin_description())
    assert write_folder(other, out)
    assert content(out) == other
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_an_empty_folder_is_filled(files: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert write_folder(files, tmp_path / "out")


def test_a_missing_file_is_written_again(files: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder(files, out)
    (out / "inputs.yaml").unlink()
    assert write_folder(files, out)
    assert content(out) == files


@pytest.mark.parametrize("change", ["extra", "edited", "link", "foreign"])
def test_what_people_made_is_never_overwritten(files: dict[str, bytes], tmp_path: Path, change: str) -> None:
    out = tmp_path / "out"
    if change == "foreign":
        out.mkdir()
        (out / "blueprint.yaml").write_text("mine")
    else:
        write_folder(files, out)
    if change == "extra":
        (out / "notes.txt").write_text("mine")
    elif change == "edited":
        (out / "inputs.yaml").write_text("mine")
    elif change == "link":
        (out / "inputs.yaml").unlink()
        (out / "inputs.yaml").symlink_to("/etc/hostname")
    before = content(out)
    with pytest.raises(PermanentError, match="not an unchanged earlier rendering: "):
        write_folder(files, out)
    assert content(out) == before


def test_what_lies_in_a_folder_is_not_read(files: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "deep" / "er").mkdir(parents=True)
    os.mkfifo(out / "pipe")
    with (out / "huge").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(PermanentError, match=r"earlier rendering: deep/er, huge, pipe\n"):
        write_folder(files, out)


def test_a_pipe_in_place_of_a_rendered_file(files: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder(files, out)
    for name in ("inputs.yaml", MANIFEST):
        (out / name).unlink()
        os.mkfifo(out / name)
        with pytest.raises(PermanentError, match=r"earlier rendering: .*(inputs.yaml|rendering.json)"):
            write_folder(files, out)


def test_no_more_files_are_looked_at_than_told(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        (tmp_path / "out" / str(number)).mkdir(parents=True)
        (tmp_path / "out" / str(number) / "file").touch()
    seen, really = [], Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: seen.append(path.name) or really(path))
    with pytest.raises(PermanentError, match=r"0/file, 1/file, 2/file, 3/file, 4/file, \.\.\.\n"):
        write_folder(files, tmp_path / "out")
    assert "8" not in seen


@pytest.mark.parametrize("name", ["file/sub", "x" * 300, "folder/none/../../file/sub"])
def test_a_place_that_cannot_be_written(files: dict[str, bytes], tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PermanentError, match="cannot be written: "):
        write_folder(files, tmp_path / name)


def test_a_full_disk(files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(PermanentError, match="cannot be written: No space left on device"):
        write_folder(files, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_file_or_a_link_is_no_folder(files: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(PermanentError, match="is not a folder"):
            write_folder(files, tmp_path / name)


@pytest.mark.parametrize("name", ["a b", "ü", "a%20b", "a#b", "a:b", "a\udcff"])
def test_a_place_where_cloudify_finds_nothing(files: dict[str, bytes], tmp_path: Path, name: str) -> None:
    with pytest.raises(PermanentError, match="Cloudify cannot read a blueprint below"):
        write_folder(files, tmp_path / name / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_cloudify_cannot_parse_is_not_written(files: dict[str, bytes], tmp_path: Path) -> None:
    write_folder(files, tmp_path / "out")
    for bad in (b"a: [", b"tosca_definitions_version: cloudify_dsl_1_5\nnode_templates: {n: {type: nothing}}\n"):
        with pytest.raises(PermanentError, match="Cloudify cannot parse blueprint.yaml"):
            write_folder(
                {**files, "blueprint.yaml": bad, "cloudify-scipion-0.1.0/rendering.json": b"{}"}, tmp_path / "out"
            )
    assert content(tmp_path / "out") == files
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_decoys_in_the_current_directory_are_not_read(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoys = tmp_path / "decoys"
    for name in (
        "plugin.yaml",
        "types.yaml",
        "blueprint.yaml",
        "cloudify/types/types.yaml",
        "cloudify/types/types_1_5.yaml",
    ):
        (decoys / name).parent.mkdir(parents=True, exist_ok=True)
        (decoys / name).write_text("garbage: [")
    monkeypatch.chdir(decoys)
    assert write_folder(files, tmp_path / "out")
