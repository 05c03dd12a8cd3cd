"""Deleting a volume removes what processes that were killed have left of it, and nothing of another volume."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudify_scipion.adapters.local.volumes import LoopVolumes
from cloudify_scipion.adapters.progress import LineProgress


def test_scraps_go_with_their_volume(tmp_path: Path) -> None:
    folder = tmp_path / "volumes"
    for name in ("v.part", "v.json", ".v.json.k1ll3d", "v.layout/user/x", "w.json", ".w.json.b3gun", "w.layout/x"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    assert LoopVolumes(tmp_path, LineProgress(print)).delete("v")
    assert {path.name for path in folder.iterdir()} == {".lock", "w.json", ".w.json.b3gun", "w.layout"}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", "[" * 100_000, '{"seal": 3, "written": null}'])
def test_tags_that_are_none_are_no_proof(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "volumes"
    folder.mkdir()
    (folder / "v1.img").write_bytes(b"")
    (folder / "v1.json").write_text(text)
    tags = LoopVolumes(tmp_path, LineProgress(print)).look("v1").tags
    assert tags == {}
