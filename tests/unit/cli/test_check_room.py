"""`check` looks whether the data fit the volume, where it can."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cloudify_scipion.cli import check_data
from cloudify_scipion.cli.check_data import room_notes, taken
from cloudify_scipion.project.model import ProjectData
from cloudify_scipion.project.space_kinds.directory import Directory


def loaded(root: Path, data: ProjectData | None, size_gb: int) -> Any:
    project = SimpleNamespace(data=SimpleNamespace(project=data), volume=SimpleNamespace(size_gb=size_gb))
    return SimpleNamespace(project=project, site=SimpleNamespace(data_spaces={"f": Directory("f", root=str(root))}))


def test_data_that_do_not_fit(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(check_data, "GB", 1000)
    (tmp_path / "p/raw").mkdir(parents=True)
    (tmp_path / "p/raw/a").write_bytes(b"x" * 9000)
    with (tmp_path / "p/hole").open("wb") as stream:
        stream.truncate(1 << 30)
    data = ProjectData("f:p")
    (note,) = room_notes(loaded(tmp_path, data, 5))
    assert note == "f:p has more than 9.0 GB, and the volume 5 GB: the first copy will not fit"
    assert list(room_notes(loaded(tmp_path, data, 20))) == [], "holes take no room"
    assert list(room_notes(loaded(tmp_path, replace(data, exclude=("raw",)), 5))) == []
    assert list(room_notes(loaded(tmp_path, None, 5))) == []
    assert taken(tmp_path / "nowhere", 1) == 0
