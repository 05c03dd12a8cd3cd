"""What the agent says of mounts: all are asked at once, and none is waited for longer than the others."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.agent.work import health


def space(folder: Path) -> str:
    (folder / ".cloudify-scipion").mkdir(parents=True)
    (folder / ".cloudify-scipion/space.json").write_text("p")
    return str(folder)


def test_what_is_wrong(tmp_path: Path) -> None:
    good, empty, gone = space(tmp_path / "good"), tmp_path / "empty", tmp_path / "gone"
    empty.mkdir()
    assert health.problems(good, [good]) == []
    assert health.problems("", [str(empty), str(gone)]) == [f"{empty} is empty", f"{gone} is absent"]
    lacks = "is empty or another folder: it lacks .cloudify-scipion/space.json"
    assert health.problems(str(empty), []) == [f"{empty} {lacks}"]
    assert health.problems("", [f"{good}/.cloudify-scipion/space.json"])[0].endswith("errs: Not a directory")


def test_mounts_that_hang_share_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def start(*_: str) -> subprocess.Popen[str]:
        argv: list[Any] = [sys.executable, "-c", "import time; time.sleep(60)"]
        started.append(subprocess.Popen(argv, stderr=subprocess.PIPE, text=True))
        return started[-1]

    waits: list[float] = []
    real = subprocess.Popen.communicate

    def communicate(self: Any, timeout: float) -> Any:
        waits.append(timeout)
        return real(self, timeout=timeout)

    monkeypatch.setattr(health, "_start", start)
    monkeypatch.setattr(subprocess.Popen, "communicate", communicate)
    began = time.monotonic()
    found = health.problems("/a", ["/b", "/c"], seconds=1)
    assert [line.split()[:2] for line in found] == [["/a", "hangs:"], ["/b", "hangs:"], ["/c", "hangs:"]]
    assert waits[1:] == [0.5, 0.5] and waits[0] <= 1 and began
    for process in started:
        process.wait()
