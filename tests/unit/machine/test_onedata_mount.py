"""The machine's `onedata-mount`: command line, token, what is mounted, and the order of its steps."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import onedata_mount as om
import pytest

CONFIG = {
    "command": "/usr/bin/oneclient", "user": "root", "host": "provider.example.org", "space": "Cryo EM", "path": "a/b",
    "mountpoint": "/srv/data/project", "read_only": False, "options": ["--no-buffer"],
}  # fmt: skip
INFO = r"""22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:50 / /srv/data/my\040movies rw - ext4 /dev/vda rw
41 22 0:51 / /srv/data/my\040movies rw,nosuid shared:7 master:1 - fuse.oneclient oneclient rw
42 22 0:52 / /srv/back\134slash rw - fuse x rw
43 22 0:53 / /sys/fs/fuse/connections rw - fusectl fusectl rw
"""


def mount(**changes: object) -> om.Mount:
    return om.parse_config("project", json.dumps({**CONFIG, **changes}))


def test_the_command_line_has_no_token() -> None:
    assert om.arguments(mount()) == [
        "/usr/bin/oneclient", "-f", "-H", "provider.example.org", "--space", "Cryo EM", "-o", "allow_other",
        "--no-buffer", "/var/lib/onedata/project/spaces",
    ]  # fmt: skip
    assert om.arguments(mount(read_only=True, options=[]))[6:10] == ["-o", "allow_other", "-o", "ro"]


def test_the_token_is_in_the_environment() -> None:
    got = om.environment(mount(), "s3cret", {"LOGS_DIRECTORY": "/var/log/onedata", "LANG": "C.UTF-8"})
    assert got["ONECLIENT_ACCESS_TOKEN"] == "s3cret"
    assert got["ONECLIENT_PROVIDER_HOST"] == "provider.example.org"
    assert got["ONECLIENT_LOG_DIR"] == "/var/log/onedata"


def test_a_token_is_one_word_that_nobody_else_can_read(tmp_path: Path) -> None:
    file = tmp_path / "project.token"
    file.touch(mode=0o600)
    for bad in ("", " \n", "two words", "a\nb", "caf\u00e9", "a\x00b"):
        file.write_text(bad)
        with pytest.raises(om.Failed, match="no access token") as caught:
            om.read_token(file)
        assert not bad.strip() or bad not in str(caught.value)
    file.write_text("MDAx_-9.x\n")
    assert om.read_token(file) == "MDAx_-9.x"
    file.chmod(0o640)
    with pytest.raises(om.Failed, match="others can read"):
        om.read_token(file)
    (tmp_path / "link").symlink_to(file)
    for path in ("link", "gone"):
        with pytest.raises(om.Failed, match="cannot be read"):
            om.read_token(tmp_path / path)


def test_of_two_mounts_the_last_is_seen() -> None:
    mounts = om.parse_mounts(INFO)
    assert mounts == {
        "/": "ext4", "/srv/data/my movies": "fuse.oneclient", "/srv/back\\slash": "fuse",
        "/sys/fs/fuse/connections": "fusectl",
    }  # fmt: skip
    assert [kind for kind in ("ext4", "fuse", "fuse.oneclient", "fusectl", "") if om.is_client(kind)] == [
        "fuse", "fuse.oneclient",
    ]  # fmt: skip


def test_folders_are_opened_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "space/inner").mkdir(parents=True)
    (tmp_path / "space/link").symlink_to("/etc")
    (tmp_path / "space/file").touch()
    handle = om.open_folder(f"{tmp_path}/space/inner")
    assert Path(f"/proc/self/fd/{handle}").readlink() == tmp_path / "space/inner"
    os.close(handle)
    for path in ("space/link", "space/link/ssh", "space/file", "space/gone"):
        with pytest.raises(om.Failed, match=path.split("/")[1]):
            om.open_folder(f"{tmp_path}/{path}")
    before = list(Path("/proc/self/fd").iterdir())
    om_made = om.open_folder(f"{tmp_path}/new/one", make=True)
    os.close(om_made)
    assert (tmp_path / "new/one").is_dir()
    assert len(list(Path("/proc/self/fd").iterdir())) == len(before)


class FakeKernel:
    """What is mounted, by path; binding and detaching change it."""

    def __init__(self, **stacks: list[str]) -> None:
        self.stacks = dict(stacks)
        self.log: list[str] = []

    def mounts(self) -> dict[str, str]:
        return {path: kinds[-1] for path, kinds in self.stacks.items() if kinds}

    def bind(self, source: int, target: str, read_only: bool) -> None:
        self.log.append(f"bind {Path(f'/proc/self/fd/{source}').readlink()} {'ro' if read_only else 'rw'}")
        kind = "ext4" if read_only and not self.stacks.get(target) else "fuse.oneclient"
        self.stacks.setdefault(target, []).append(kind)

    def detach(self, path: str) -> None:
        self.log.append(f"detach {path}")
        self.stacks[path].pop()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> om.Mount:
    monkeypatch.setattr(om, "STATE", tmp_path / "state")
    return mount(mountpoint=str(tmp_path / "data/project"))


def client(place: om.Mount, kernel: FakeKernel, folder: str = "Cryo EM/a/b") -> Path:
    """What oneclient does."""
    kernel.stacks[place.inner] = ["fuse.oneclient"]
    (Path(place.inner) / folder).mkdir(parents=True)
    return Path(place.inner) / folder


def test_nobody_writes_past_a_mount_that_is_not_there(place: om.Mount) -> None:
    kernel = FakeKernel()
    om.prepare(place, kernel)  # type: ignore[arg-type]
    assert kernel.log == [f"bind {place.mountpoint} ro"]
    om.prepare(place, kernel)  # type: ignore[arg-type]
    assert len(kernel.log) == 1
    assert Path(place.inner).stat().st_mode & 0o777 == 0o700
    assert Path(place.inner).parent.stat().st_mode & 0o777 == 0o710


def test_the_folder_of_the_space_is_shown_and_taken_away(place: om.Mount) -> None:
    kernel = FakeKernel()
    om.prepare(place, kernel)  # type: ignore[arg-type]
    folder = client(place, kernel)
    om.show(place, kernel, lambda: True)  # type: ignore[arg-type]
    assert kernel.log[1:] == [f"bind {folder} rw"]
    om.clear(place, kernel)  # type: ignore[arg-type]
    om.clear(place, kernel)  # type: ignore[arg-type]
    assert kernel.log[2:] == [f"detach {place.mountpoint}", f"detach {place.inner}"]
    assert kernel.stacks == {place.mountpoint: ["ext4"], place.inner: []}


def test_what_a_dead_client_left_is_detached_first(place: om.Mount) -> None:
    kernel = FakeKernel(**{place.mountpoint: ["ext4", "fuse.oneclient", "fuse.oneclient"], place.inner: ["fuse"]})
    om.prepare(place, kernel)  # type: ignore[arg-type]
    assert kernel.stacks == {place.mountpoint: ["ext4"], place.inner: []}


def show(place: om.Mount, kernel: FakeKernel) -> float:
    """How long it took."""
    now = [0.0]
    try:
        om.show(place, kernel, lambda: True, lambda: now[0], lambda s: now.__setitem__(0, now[0] + s))  # type: ignore[arg-type]
    finally:
        kernel.log.append(f"after {now[0]:.0f} s")
    return now[0]


@pytest.mark.parametrize(
    ("folder", "match"),
    [("other", "the space is not there, or the token does not open it: 'Cryo EM'"), ("Cryo EM/a", "'b' of 'a/b': No")],
)
def test_what_is_missing_is_named(place: om.Mount, folder: str, match: str) -> None:
    kernel, dataset = FakeKernel(), replace(place, read_only=True)
    om.prepare(dataset, kernel)  # type: ignore[arg-type]
    client(dataset, kernel, folder)
    with pytest.raises(om.Failed, match=match):
        show(dataset, kernel)
    assert kernel.log[-1] == f"after {om.SPACE_WAIT:.0f} s"


def test_a_client_may_take_its_time(place: om.Mount) -> None:
    kernel = FakeKernel()
    om.prepare(place, kernel)  # type: ignore[arg-type]
    with pytest.raises(om.Failed, match="oneclient has not mounted anything"):
        show(place, kernel)
    assert kernel.log[-1] == f"after {om.WAIT:.0f} s"


def test_a_folder_that_is_written_to_is_made(place: om.Mount, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = FakeKernel()
    om.prepare(place, kernel)  # type: ignore[arg-type]
    space = client(place, kernel, "Cryo EM")
    show(place, kernel)
    assert (space / "a/b").is_dir()
    assert f"bind {space}/a/b rw" in kernel.log

    def mkdir(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (space / "a/b").rmdir()
    monkeypatch.setattr(os, "mkdir", mkdir)
    with pytest.raises(om.Failed, match="'a' of 'a/b' cannot be made: Permission denied"):
        show(place, kernel)


def test_a_client_that_has_ended_is_not_waited_for(place: om.Mount) -> None:
    with pytest.raises(om.Failed, match="oneclient has ended"):
        om.show(place, FakeKernel(), lambda: False)  # type: ignore[arg-type]


def test_a_space_cannot_lead_elsewhere(place: om.Mount) -> None:
    kernel = FakeKernel()
    om.prepare(place, kernel)  # type: ignore[arg-type]
    client(place, kernel, "Cryo EM")
    (Path(place.inner) / "Cryo EM/a").symlink_to("/etc")
    with pytest.raises(om.Failed, match="'a' of 'a/b': Not a directory"):
        show(place, kernel)
    assert not Path("/etc/b").exists()


def test_removal_takes_empty_folders_only(place: om.Mount) -> None:
    kernel = FakeKernel()
    om.prepare(place, kernel)  # type: ignore[arg-type]
    kept = client(place, kernel) / "precious"
    kept.touch()
    om.remove(place, kernel)  # type: ignore[arg-type]
    assert kept.exists()
    assert not Path(place.mountpoint).exists()
    assert kernel.stacks == {place.mountpoint: [], place.inner: []}


def test_errors_are_said(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(om, "SETTINGS", tmp_path)
    assert om.main(["show", "gone"]) == 1
    assert "gone.json" in capsys.readouterr().err
