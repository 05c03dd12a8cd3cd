"""Removing, writing and cleaning in trees that a machine's root user wrote."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudify_scipion.adapters.commands import run
from cloudify_scipion.adapters.local import tree
from cloudify_scipion.adapters.local.capture import clean
from cloudify_scipion.adapters.local.mounts import Mount
from cloudify_scipion.adapters.local.store import keep_downloads, sha256_of, supply
from cloudify_scipion.adapters.local.tree import folder, real_folder, remove_tree, tree_size, write_inside
from cloudify_scipion.adapters.volume_preparation import remove_seal, seal_below
from cloudify_scipion.errors import PermanentError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="writes root's files")


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink())


def test_remove_tree_follows_no_symlink(tmp_path: Path) -> None:
    make(tmp_path, "outside/kept", "doomed/a/b/c", "doomed/d")
    (tmp_path / "doomed/a/link").symlink_to(tmp_path / "outside")
    assert remove_tree(tmp_path / "doomed")
    assert not remove_tree(tmp_path / "doomed")
    assert files(tmp_path) == ["outside/kept"]


def test_remove_tree_of_a_symlink_or_file(tmp_path: Path) -> None:
    make(tmp_path, "outside/kept", "file")
    (tmp_path / "link").symlink_to("outside")
    assert remove_tree(tmp_path / "link")
    assert remove_tree(tmp_path / "file")
    assert files(tmp_path) == ["outside/kept"]


def test_remove_tree_refuses_mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "doomed/a/kept")
    there = Mount("7:0", "/", tmp_path / "doomed/a", "ext4", "/dev/loop0", "rw")
    monkeypatch.setattr(tree, "mounted_below", lambda path: [there])
    with pytest.raises(PermanentError, match="mounted there"):
        remove_tree(tmp_path / "doomed")
    assert files(tmp_path) == ["doomed/a/kept"]


def test_tree_size_counts_hard_links_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    one = tree_size(tmp_path)
    os.link(tmp_path / "a", tmp_path / "b")
    assert one >= 100_000
    assert tree_size(tmp_path) == one


@pytest.fixture(params=[0o022, 0o077], ids=["open", "closed"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """The operator's."""
    before = os.umask(request.param)
    yield
    os.umask(before)


@needs_root
def test_write_inside_makes_folders_and_replaces(tmp_path: Path, umask: None) -> None:
    with folder(tmp_path) as opened:
        write_inside(opened, "/root/.ssh/authorized_keys", b"key", 0o600)
        write_inside(opened, "/root/.ssh/authorized_keys", b"new", 0o600)
        write_inside(opened, "/etc/x/y", b"open", 0o644)
    assert (tmp_path / "root/.ssh/authorized_keys").read_bytes() == b"new"
    assert (tmp_path / "root/.ssh/authorized_keys").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "root/.ssh").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "etc/x").stat().st_mode & 0o777 == 0o755
    assert files(tmp_path) == ["etc/x/y", "root/.ssh/authorized_keys"]


@needs_root
def test_write_inside_cannot_be_led_out(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    make(tmp_path, "outside/kept", "root/usr/x", "outside/passwd")
    (root / "evil").symlink_to(outside)
    (root / "up").symlink_to("../../../../outside")
    (root / "bin").symlink_to("usr")
    (root / "usr/passwd").symlink_to(outside / "passwd")
    with folder(root) as opened:
        write_inside(opened, "/bin/y", b"", 0o644)
        write_inside(opened, "/usr/passwd", b"", 0o644)
        for path in ("/evil/z", "/up/z"):
            with pytest.raises(OSError, match="z|evil|up|exist|No such"):
                write_inside(opened, path, b"", 0o644)
    assert files(outside) == ["kept", "passwd"]
    assert (outside / "passwd").read_text() == "outside/passwd"
    assert (root / "usr/y").exists()


def test_clean_takes_identity_and_leaves_software(tmp_path: Path) -> None:
    make(
        tmp_path,
        *("etc/ssh/ssh_host_rsa_key", "etc/ssh/sshd_config.d/kept.conf", "root/.ssh/authorized_keys", "etc/machine-id"),
        *("var/lib/apt/lists/x_Packages", "var/lib/apt/lists/partial/y", "var/cache/apt/archives/a.deb"),
        *("var/log/apt/history.log", "var/log/journal/0123/system.journal", "home/u/.cache/pip/http/x", "tmp/.X1-lock"),
        *("home/u/ScipionUserData/projects/x", "home/u/.profile", "opt/scipion/venv/kept", "run/x/y", "var/tmp/z"),
        *("var/lib/puppet/state/state.yaml", "etc/seed[1]", "etc/seed1", "var/lib/dpkg/status"),
    )
    clean(tmp_path, ["/etc/seed[1]", "/not/there"])
    assert files(tmp_path) == [
        "etc/seed1",
        "etc/ssh/sshd_config.d/kept.conf",
        "home/u/.profile",
        "opt/scipion/venv/kept",
        "var/lib/dpkg/status",
    ]
    assert (tmp_path / "var/log/apt").is_dir()
    assert not (tmp_path / "var/log/journal/0123").exists()


@needs_root
def test_clean_leaves_a_home_that_has_an_owner(tmp_path: Path) -> None:
    (tmp_path / "home/scipion/ScipionUserData").mkdir(parents=True)
    os.chown(tmp_path / "home/scipion", 2000, 2000)
    clean(tmp_path, [], ["/home/scipion/ScipionUserData"])
    assert [path.name for path in (tmp_path / "home").rglob("*")] == ["scipion"]


def test_clean_takes_mount_points_and_the_folders_that_were_made_for_them(tmp_path: Path) -> None:
    make(tmp_path, "home/u/.profile", "data/kept", "srv/kept")
    for folder_ in ("srv/scipion-space/project", "data/session-42/raw", "scratch/session-42"):
        (tmp_path / folder_).mkdir(parents=True)
    clean(tmp_path, [], ["/srv/scipion-space/project", "/data/session-42/raw", "/scratch/session-42", "/not/there"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "home", "srv"]
    assert [path.name for path in (*(tmp_path / "data").iterdir(), *(tmp_path / "srv").iterdir())] == ["kept", "kept"]


def test_a_folder_that_a_symlink_leads_to_is_no_folder(tmp_path: Path) -> None:
    make(tmp_path, "volume/user/x", "outside/x")
    (tmp_path / "volume/evil").symlink_to(tmp_path / "outside")
    assert real_folder(tmp_path / "volume", "user") == tmp_path / "volume/user"
    assert real_folder(tmp_path / "volume") == tmp_path / "volume"
    for bad in ("evil", "evil/deep", "../outside", "user/x", "absent"):
        with pytest.raises(PermanentError, match="not a folder, or a symlink"):
            real_folder(tmp_path / "volume", bad)


def test_a_seal_behind_a_symlink_stays(tmp_path: Path) -> None:
    make(tmp_path, "volume/agent/seal.json", "outside/seal.json", "other/x")
    assert remove_seal(run, str(tmp_path / "volume"))
    assert not remove_seal(run, str(tmp_path / "volume"))
    (tmp_path / "other/agent").symlink_to(tmp_path / "outside")
    with pytest.raises(PermanentError, match="no folder"):
        remove_seal(run, str(tmp_path / "other"))
    assert (tmp_path / "outside/seal.json").exists()


def test_the_seal_of_a_volume_below_a_name_that_looks_like_a_pattern(tmp_path: Path) -> None:
    make(tmp_path, "[v]*?/agent/seal.json", "v/agent/seal.json")
    assert seal_below(run, str(tmp_path / "[v]*?")) == {}
    assert remove_seal(run, str(tmp_path / "[v]*?"))
    assert files(tmp_path) == ["v/agent/seal.json"]


def test_clean_is_not_led_out(tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    make(tmp_path, "outside/ScipionUserData/x", "outside/log/y", "upper/home/.k", "upper/var/.k")
    (upper / "home/evil").symlink_to(tmp_path / "outside")
    (upper / "var/log").symlink_to(tmp_path / "outside/log")
    clean(upper, ["/home/evil/log/y"])
    assert files(tmp_path / "outside") == ["ScipionUserData/x", "log/y"]


@needs_root
def test_downloads_are_moved_by_digest_and_remembered(tmp_path: Path) -> None:
    downloads, store, note = tmp_path / "downloads", tmp_path / "store", tmp_path / "note.json"
    make(downloads, "apt/archives/a_1.deb", "wheels/w-1.whl", "apt/archives/lock", "other/x.whl")
    (downloads / "wheels/evil.whl").symlink_to("/etc/passwd")
    first = keep_downloads(downloads, store, note)
    assert sorted(first) == ["debs/a_1.deb", "wheels/w-1.whl"]
    assert files(downloads) == ["apt/archives/lock", "other/x.whl", "wheels/evil.whl"]
    assert files(store) == sorted(f"{name.split('/')[0]}/{first[name]}/{name.split('/')[1]}" for name in first)
    make(downloads, "apt/archives/a_1.deb", "apt/archives/b_1.deb")
    assert sorted(keep_downloads(downloads, store, note)) == ["debs/a_1.deb", "debs/b_1.deb", "wheels/w-1.whl"]
    assert len(files(store)) == 3


@needs_root
def test_archives_are_kept_and_unfinished_ones_are_not(tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    make(downloads, "archives/ctf.tgz", "archives/ctf2.tgz.part", "locked/0.deb")
    assert sorted(keep_downloads(downloads, tmp_path / "store", tmp_path / "note.json")) == ["archives/ctf.tgz"]
    assert not (downloads / "locked").exists()


def stored(store: Path, *names: str) -> dict[str, str]:
    """Files in the store with their own names as contents; a .deb is a real one."""
    found = {}
    for name in names:
        kind, file = name.split("/")
        plain = store / "new"
        if kind == "debs":
            control = store / "pkg/DEBIAN/control"
            control.parent.mkdir(parents=True, exist_ok=True)
            control.parent.chmod(0o755)  # or dpkg-deb refuses it
            name_of = file.split("_")[0]
            control.write_text(f"Package: {name_of}\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n")
            subprocess.run(["dpkg-deb", "--build", str(store / "pkg"), str(plain)], check=True, capture_output=True)
        else:
            store.mkdir(exist_ok=True)
            plain.write_text(name)
        found[name] = sha256_of(plain)
        make(store, f"{kind}/{found[name]}/{file}")
        plain.rename(store / kind / found[name] / file)
    return found


def test_a_machine_is_given_what_the_lock_names(tmp_path: Path, umask: None) -> None:
    store, downloads = tmp_path / "store", tmp_path / "downloads"
    downloads.mkdir()
    files_of = stored(store, "debs/novnc_1%3a1_all.deb", "wheels/w-1-any.whl", "archives/ctf.tgz")
    supply(store, files_of, downloads)
    sha256 = files_of["debs/novnc_1%3a1_all.deb"]
    assert set(files(downloads)) == {
        "archives/ctf.tgz",
        f"locked/{sha256}.deb",
        "locked/Packages",
        "wheels/w-1-any.whl",
    }
    inside = [*downloads.rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in inside if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in inside if path.is_file()} == {0o644}
    index = (downloads / "locked/Packages").read_text()
    assert index.startswith("Package: novnc\n")
    assert f"\nFilename: ./{sha256}.deb\nSize: " in index
    supply(store, {**files_of, "wheels/late.whl": "0" * 64}, downloads)  # once is enough


def test_all_that_is_gone_or_damaged_is_named(tmp_path: Path) -> None:
    store, downloads = tmp_path / "store", tmp_path / "downloads"
    downloads.mkdir()
    wanted = {**stored(store, "wheels/a.whl", "wheels/b.whl"), "debs/c_1_all.deb": "0" * 64}
    (store / "wheels" / wanted["wheels/a.whl"] / "a.whl").write_text("changed")
    with pytest.raises(PermanentError, match=r"c_1_all.deb, a.whl \(damaged\)"):
        supply(store, wanted, downloads)
    assert files(downloads) == []


def test_a_machines_symlink_is_not_followed(tmp_path: Path) -> None:
    store, downloads, outside = tmp_path / "store", tmp_path / "downloads", tmp_path / "outside"
    make(tmp_path, "outside/kept", "downloads/x")
    for name in ("wheels", "locked", "archives"):
        (downloads / name).symlink_to(outside)
    supply(store, stored(store, "wheels/a.whl"), downloads)
    assert files(outside) == ["kept"]
