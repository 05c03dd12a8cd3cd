from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.adapters.local import aptsources, base
from cloudify_scipion.adapters.local.base import BaseCache, bootstrap_argv, finish
from cloudify_scipion.adapters.local.recipe import Recipe
from cloudify_scipion.adapters.progress import LineProgress
from cloudify_scipion.errors import CommandFailed, DiskFull, PermanentError, TemporaryError


def cache(root: Path, said: list[str] | None = None) -> BaseCache:
    return BaseCache(root, LineProgress((said if said is not None else []).append))


def test_digest_follows_the_recipe() -> None:
    assert Recipe().digest() == Recipe().digest()
    assert Recipe().digest() != replace(Recipe(), packages=("systemd",)).digest()
    assert Recipe().digest() != replace(Recipe(), version=2).digest()


def test_build_dies_with_its_builder(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("deb http://mirror.example/debian bookworm main\n")
    argv = bootstrap_argv(Recipe(), tmp_path / "root", [source], tmp_path / "fetch")
    assert argv[:4] == ["setpriv", "--pdeathsig", "KILL", "unshare"]
    assert "--kill-child" in argv
    assert argv[-3:] == ["bookworm", str(tmp_path / "root"), str(source)]
    assert not [word for word in argv if "file-mirror" in word]


def test_nothing_of_this_host_stays(tmp_path: Path) -> None:
    host = {
        "etc/apt/sources.list": "deb http://mirror.example",
        "etc/apt/sources.list.d/0000x.sources": "URIs: http://mirror.example",
        "etc/apt/apt.conf.d/99mmdebstrap": 'Acquire::http::Proxy "http://user:word@proxy.example";',
        "etc/resolv.conf": "nameserver 192.0.2.1",
        "etc/hostname": "thishost",
        "etc/machine-id": "0123",
        "etc/ssh/ssh_host_ed25519_key": "key",
        "var/lib/apt/lists/mirror.example_Packages": "x",
        "var/cache/apt/pkgcache.bin": "x",
        "usr/share/kept": "x",
    }
    for name, text in host.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    finish(Recipe(), tmp_path)
    left = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert left["etc/machine-id"] == ""
    assert "usr/share/kept" in left
    assert not [name for name, text in left.items() if "example" in text or "192.0.2" in text or text == "key"]
    assert (tmp_path / "etc/systemd/system/puppet.service").readlink() == Path("/dev/null")


def test_built_once_although_wanted_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built, said = [], list[str]()

    def slowly(recipe: Recipe, part: Path, progress: object) -> None:
        built.append(part)
        time.sleep(0.5)
        (part / "root").mkdir()

    monkeypatch.setattr(base, "_bootstrap", slowly)
    first = threading.Thread(target=cache(tmp_path).ensure)
    first.start()
    time.sleep(0.2)
    assert not cache(tmp_path, said).ensure()
    first.join()
    assert len(built) == 1
    assert any("another project builds the base system" in line for line in said)
    assert not cache(tmp_path).ensure()


def test_half_made_base_of_a_dead_builder_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = tmp_path / "cache" / "base" / f"{Recipe().digest()}.part"
    (part / "root" / "half").mkdir(parents=True)
    monkeypatch.setattr(base, "_bootstrap", lambda recipe, part, progress: (part / "root").mkdir())
    assert cache(tmp_path).ensure()
    assert not part.exists()
    assert not (cache(tmp_path).path(Recipe().digest()) / "half").exists()


def failing(output: str) -> object:
    def fail(*args: object, **kwargs: object) -> None:
        raise CommandFailed("mmdebstrap", 25, output)

    return fail


@pytest.mark.parametrize(
    ("output", "kind", "told"),
    [
        ("dpkg: error: cannot write: No space left on device\n", DiskFull, "MB left"),
        ("E: You don't have enough free space in /var/cache/apt/archives/.\n", DiskFull, "MB left"),
        ("I: x\nE: Failed to fetch http://x Connection refused\n", TemporaryError, "Connection refused"),
    ],
)
def test_failed_build_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, kind: type[Exception], told: str
) -> None:
    monkeypatch.setattr(aptsources, "debian_sources", lambda files, suite: ["deb http://x bookworm main\n"])
    monkeypatch.setattr(aptsources, "fetch_settings", lambda: "")
    monkeypatch.setattr(base, "follow", failing(output))
    with pytest.raises(kind, match=told):
        cache(tmp_path).ensure()
    assert not list((tmp_path / "cache/base").glob("*.part"))


def test_too_little_room_is_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "NEEDED_BYTES", 10**18)
    with pytest.raises(DiskFull, match="the file system / has .* MB left|the file system .* has .* MB left"):
        cache(tmp_path).ensure()


def test_no_debian_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aptsources, "debian_sources", lambda files, suite: [])
    with pytest.raises(PermanentError, match="no apt source"):
        cache(tmp_path).ensure()
