"""Names of every kind: no text, very long, our own, in circles, or such as the data space cannot hold."""

from __future__ import annotations

import errno
import io
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import AgentError, Unsaved
from cloudify_scipion.agent.plan import manifest
from cloudify_scipion.agent.ports.tree import Tree
from tests.unit.agent.rig import Rig
from tests.unit.agent.segments import encode


def test_a_folder_of_our_name_is_never_sealed_over(rig: Rig) -> None:
    rig.write(".cloudify-scipion/results", b"precious")
    with pytest.raises(Unsaved, match=r"\.cloudify-scipion"):
        rig.push()
    with pytest.raises(Unsaved, match=r"\.cloudify-scipion"):
        rig.seal()
    (rig.user / ".cloudify-scipion").rename(rig.user / "mine")
    rig.seal()
    assert rig.saved() == {"mine/results": b"precious"}


def test_a_folder_of_our_name_deeper_down_is_like_any_other(rig: Rig) -> None:
    rig.write("deeper/.cloudify-scipion/results", b"precious")
    rig.push()
    assert (rig.space / "deeper/.cloudify-scipion/results").read_bytes() == b"precious"


def test_names_that_are_no_text_may_be_told(rig: Rig) -> None:
    name = os.fsdecode(b"odd\xff\n")
    rig.write(name, b"one")
    rig.push()
    rig.web(name, b"web")
    rig.write(name, b"two", age=10)
    assert rig.push().conflicts == 1
    rig.clock.boot_id = "boot-2"
    rig.write(name, b"", age=5)
    rig.push()
    assert rig.questions() == ["destroyed"]
    assert all(text.encode() for text in rig.events())
    assert AgentError(os.fsdecode(b"odd\xff"), os.fsdecode(b"\xff")).what.encode()


@pytest.mark.parametrize("workers", [1, 8])
def test_two_conflicts_of_the_longest_names_in_one_second(rig: Rig, workers: int) -> None:
    rig.workers = workers
    names = [f"{'ü' * 126}{n}" for n in (1, 2)]
    for name in names:
        rig.write(name, b"one")
    rig.push()
    for name in names:
        rig.web(name, f"web {name[-1]}")
        rig.write(name, b"two", age=10)
    assert rig.push().conflicts == 2
    assert {b"web 1", b"web 2"} <= set(rig.saved().values())
    for name in names:  # beside those, others
        rig.web(name, f"again {name[-1]}")
        rig.write(name, b"three", age=5)
    assert rig.push().conflicts == 2
    assert {b"web 1", b"web 2", b"again 1", b"again 2"} <= set(rig.saved().values())
    rig.scan()
    for path in [path for path in rig.local() if "conflict" in path]:  # and a conflict of a conflict
        rig.web(path, b"web " + rig.local()[path])
        rig.write(path, b"here", age=3)
    rig.push()
    assert {b"web web 1", b"web again 2"} <= set(rig.saved().values())
    rig.scan()
    rig.push()
    assert rig.saved() == rig.local()


@pytest.fixture
def remains(tmp_path: Path) -> Iterator[None]:
    yield
    subprocess.run(["rm", "-rf", tmp_path], check=True)  # pytest itself cannot remove deep folders


@pytest.mark.parametrize("depth", [700, pytest.param(1500, marks=pytest.mark.long)])
def test_deep_folders(rig: Rig, remains: None, depth: int) -> None:
    deep = "d/" * depth + "file"
    fd = os.open(rig.user, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    file = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=fd)
    os.write(file, b"deep")
    os.close(file)
    os.close(fd)
    rig.write("other", b"other")
    rig.push()
    tree = Tree(str(rig.space))
    fd = tree.open(deep.encode())
    assert os.read(fd, 10) == b"deep"
    os.close(fd)
    rig.scan()
    rig.seal()


def other(rig: Rig, tmp_path: Path) -> Rig:
    return Rig(tmp_path / "other", rig.space, machine="m2", generation=2)


class Plain(Tree):
    """Names are UTF-8 without control characters, and there are no links."""

    def at(self, path: bytes):  # type: ignore[no-untyped-def]
        name = path.rpartition(b"/")[2]
        try:
            name.decode()
        except UnicodeDecodeError:
            raise OSError(errno.EILSEQ, "Invalid or incomplete multibyte or wide character") from None
        if any(byte < 32 for byte in name):
            raise OSError(errno.EINVAL, "Invalid argument")
        return super().at(path)

    def symlink(self, target: bytes, path: bytes) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")


def test_odd_names_of_every_kind(tmp_path: Path) -> None:
    space = tmp_path / "space"

    def trees(path: str) -> Tree:
        return Plain(path) if path == str(space) else Tree(path)

    rig = Rig(tmp_path / "volume", space, trees=trees)
    rig.pull()
    odd = os.fsdecode(b"odd\xff")
    rig.write(f"{odd}/file", b"in an odd folder")
    rig.write(f"a/{odd}", b"an odd file")
    rig.write("plain", b"plain")
    (rig.user / f"{odd}/empty").mkdir()
    (rig.user / f"{odd} link").symlink_to("nowhere")
    (rig.user / "link").symlink_to(odd)
    rig.push()
    (rig.user / "a").rename(rig.user / "b")
    rig.write(f"a/{odd}", b"another at the old place")
    (rig.user / f"{odd}/file").rename(rig.user / f"{odd}/renamed")
    rig.push()
    rig.push()
    assert rig.verify_all().wrong == []
    again = replace(other(rig, tmp_path), trees=trees)
    again.pull()
    assert again.local() == rig.local()
    assert (again.user / f"{odd}/empty").is_dir()
    again.push()
    again.seal()


def test_paths_of_a_megabyte() -> None:
    path = b"/".join([b"\xff" * 250] * 1000)
    data = encode(manifest.Header("p", 1, 1, base=True), [manifest.Entry(path, "f"), manifest.Entry(b"b", "f")])
    assert [name for name, _ in manifest.decode(io.BytesIO(data))[1]] == [path, b"b"]


def test_a_folder_whose_name_the_space_cannot_hold(rig: Rig, tmp_path: Path) -> None:
    class Text(Tree):
        """Refuses names that are no UTF-8, as some data spaces do."""

        def mkdir(self, path: bytes, mode: int = 0o755) -> bool:
            path.decode() if self.path == os.fsencode(rig.space) else None
            return super().mkdir(path, mode)

    with rig.world() as world:
        known = world.index.get_state("abilities")
        world.index.set_state("abilities", {**known, "names": {**known["names"], "text": True}})
        world.index.commit()
    rig.trees = Text
    odd = os.fsencode(rig.user) + b"/odd \xff"
    os.makedirs(odd + b"/in")  # noqa: PTH103 - bytes
    Path(os.fsdecode(odd + b"/in/file")).write_bytes(b"content")
    rig.write("b")
    assert rig.push().files == 2
    assert rig.push().wrote is False
    rig.scan()
    assert rig.push().wrote is False
    Path(os.fsdecode(odd)).rename(rig.user / "plain")
    rig.push()
    rig.write("plain/in/file", b"changed", age=5)
    rig.push()
    assert rig.saved() == rig.local()
    assert rig.verify_all().wrong == []
    again = Rig(tmp_path / "again", rig.space, machine="m2", generation=2)
    again.pull()
    assert again.local() == rig.local()


def test_a_name_that_is_no_text_is_told(rig: Rig) -> None:
    name = os.fsdecode(b"odd \xff")
    rig.write(name, b"here")
    rig.web(name, b"there")
    assert rig.push().conflicts == 1
    assert rig.alarms()[-1].startswith("odd \\xff was changed in the data space as well")


def test_links_with_spaces_in_their_names_come_back_right(facility: Rig, tmp_path: Path) -> None:
    facility.pull()
    links = {
        "a link": "raw/movie1.mrc", "results/two  spaces ": "../raw/movie 2.mrc", " in front": "no where",
        "tab\tand\nnewline": "to \n", "link": "with space",
    }  # fmt: skip
    for name, target in links.items():
        (facility.user / name).parent.mkdir(exist_ok=True)
        (facility.user / name).symlink_to(target)
    facility.push()
    again = Rig(tmp_path / "other", facility.space, machine="m2", generation=2)
    again.pull()
    assert {name: str((again.user / name).readlink()) for name in links} == links
    assert again.local() == facility.local()
