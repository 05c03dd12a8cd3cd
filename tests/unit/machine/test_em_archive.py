"""The machine's program for archives of EM packages: mirrors, checksums, unpacking, Scipion's installb."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import em_archive
import pytest

from tests.fakes.sick_mirror import DRIP, HANGS, SILENT, SLOW, refusing, sick_mirror, unreachable

FETCHING = Path(__file__).parents[3] / "puppet/modules/system/files"


SCIPION = """#!/bin/sh
# Stands for the module scipion's command: what it is called with is noted, then it does as the test wants.
pwd > {folder}/cwd; echo "$@" > {folder}/called; cd {folder}/scipion/software/em
{does}
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """tool-1.tgz in a mirror's folder: tool-1/bin/tool, readable by its maker only."""
    program = tmp_path / "tool-1/bin/tool"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho tool\n")
    program.chmod(0o700)
    path = tmp_path / "mirror/tool-1.tgz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tmp_path / "tool-1", "tool-1")
    return path


@pytest.fixture
def served(archive: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The mirror's folder over HTTP: its URL."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = partial(SimpleHTTPRequestHandler, directory=str(archive.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_next_mirror_is_tried(archive: Path, served: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / archive.name).write_bytes(b"something else")
    mirrors = [f"{served}/none/", other.as_uri(), served]
    found = em_archive.fetch(archive.name, sha256(archive), mirrors, tmp_path / "downloads")
    assert found.read_bytes() == archive.read_bytes()
    archive.unlink()  # once it is there, nobody is asked
    assert em_archive.fetch(found.name, sha256(found), [], found.parent) == found


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Mirrors are given up after a second; where it is told what is waited for."""
    for name, value in {"FETCHING_PATIENCE": "1", "FETCHING_REPORT": str(tmp_path / "report"), "no_proxy": "*"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "report"


@pytest.mark.long
@pytest.mark.parametrize("way", HANGS)
def test_a_mirror_that_hangs_is_named_and_the_next_one_tried(
    archive: Path, served: str, tmp_path: Path, impatient: Path, way: str
) -> None:
    with sick_mirror(archive.parent, way) as bad:
        secret = bad.url.replace("//", "//me:pass-word@")
        found = em_archive.fetch(archive.name, sha256(archive), [secret, served], tmp_path / "downloads")
        assert found.read_bytes() == archive.read_bytes()
        assert len(bad.asked) == 1
    said = impatient.read_text()
    assert f"said: tool-1.tgz could not be fetched from {bad.place}: " in said and "pass-word" not in said


@pytest.mark.long
@pytest.mark.parametrize("dead", [refusing, unreachable])
def test_a_mirror_that_is_not_there(
    archive: Path, served: str, tmp_path: Path, impatient: Path, dead: Callable[[], AbstractContextManager[str]]
) -> None:
    with dead() as url:
        em_archive.fetch(archive.name, sha256(archive), [url, served], tmp_path / "downloads")
        assert f"tool-1.tgz could not be fetched from {url.removeprefix('http://')}: " in impatient.read_text()


@pytest.mark.long
@pytest.mark.parametrize("way", [SILENT, DRIP])
def test_only_mirrors_that_hang_make_an_error_soon_and_each_has_a_second_chance(
    archive: Path, tmp_path: Path, impatient: Path, way: str
) -> None:
    assert impatient
    with sick_mirror(archive.parent, way) as one, sick_mirror(tmp_path) as two:
        with pytest.raises(em_archive.Failed) as caught:
            em_archive.fetch(archive.name, sha256(archive), [one.url, two.url], tmp_path / "downloads")
        assert (len(one.asked), len(two.asked)) == (2, 1), "one that has not the file need not be asked again"
    said = str(caught.value)
    assert one.place in said and f"{two.place}: curl: (22) The requested URL returned error: 404" in said
    assert "next: " in said and "site file" in said
    with sick_mirror(archive.parent, way, times=1) as mirror:
        assert em_archive.fetch(archive.name, sha256(archive), [mirror.url], tmp_path / "downloads").is_file()


def test_how_far_a_slow_mirror_is_is_told(archive: Path, tmp_path: Path, impatient: Path) -> None:
    with archive.open("ab") as stream:
        stream.write(os.urandom(200_000))
    with sick_mirror(archive.parent, SLOW) as mirror:
        em_archive.fetch(archive.name, sha256(archive), [mirror.url], tmp_path / "downloads")
        assert re.search(rf"waiting: tool-1\.tgz from {mirror.place}, \d+ kB of 200 kB\n", impatient.read_text())
    assert impatient.read_text().endswith("waiting: \n")


def test_the_error_names_file_and_mirrors_but_no_password(archive: Path, served: str, tmp_path: Path) -> None:
    secret = served.replace("http://", "http://me:pass-word@") + "/private-path"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / archive.name).write_bytes(b"something else")
    mirrors = [secret, (tmp_path / "other").as_uri(), (tmp_path / "empty").as_uri()]
    with pytest.raises(em_archive.Failed) as caught:
        em_archive.fetch(archive.name, sha256(archive), mirrors, tmp_path / "downloads")
    said = str(caught.value)
    assert said.startswith("tool-1.tgz could not be fetched:\n")
    assert f"  {served.removeprefix('http://')}: curl: (22) The requested URL returned error: 404" in said
    assert f"the folder {tmp_path}/other: it has another file of that name, with sha256 " in said
    assert f"the folder {tmp_path}/empty: curl: (37)" in said
    assert "pass-word" not in said and "private-path" not in said
    assert list((tmp_path / "downloads").iterdir()) == []


def test_without_mirrors_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(em_archive.Failed, match="the site names no mirror"):
        em_archive.fetch("x.tgz", "0" * 64, [], tmp_path)


def test_an_archive_is_unpacked_whole_or_not_at_all(archive: Path, tmp_path: Path) -> None:
    home = tmp_path / "em/tool-1"
    home.mkdir(parents=True)
    (home / "old").touch()
    home.with_name("tool-1.part").mkdir()  # of an attempt that was cut off
    em_archive.unpack(archive, "stamp", 1, home)
    assert sorted(path.name for path in home.iterdir()) == [".installed", "bin"]
    assert (home / ".installed").read_text() == "stamp"
    assert (home / "bin/tool").stat().st_mode & 0o7777 == 0o755
    for wrong, strip in ((archive, 9), (home / "bin/tool", 0)):
        with pytest.raises(em_archive.Failed, match="nothing is left|cannot be unpacked"):
            em_archive.unpack(wrong, "other", strip, home)
    assert (home / ".installed").read_text() == "stamp"


@pytest.fixture
def scipion(tmp_path: Path) -> Path:
    folder = tmp_path / "scipion"
    (folder / "software/em").mkdir(parents=True)
    (folder / "bin").mkdir()
    return folder


def acts(scipion: Path, does: str) -> None:
    program = scipion / "bin/scipion-env"
    program.write_text(SCIPION.format(folder=scipion.parent, does=does))
    program.chmod(0o755)


def test_installb_finds_the_archive_where_scipion_looks(archive: Path, scipion: Path) -> None:
    em = scipion / "software/em"
    acts(scipion, "tar -xf tool-1.tgz && mv tool-1 made && ln -s made tool-1")
    em_archive.installb(archive, "tool-1", scipion)
    assert (em / "tool-1/bin/tool").is_file()
    assert sorted(path.name for path in em.iterdir()) == ["made", "tool-1"], "the archive takes room in no layer"
    called = (scipion.parent / "called").read_text()
    assert " python -m scipion installb tool-1 -j " in called and "SCIPION_USER_DATA=/" in called
    assert (scipion.parent / "cwd").read_text().strip() == str(scipion)
    em_archive.forget("tool-1", em)
    assert list(em.iterdir()) == []


@pytest.mark.parametrize(
    ("does", "message"),
    [
        (
            "echo 'ERROR: Could not find target tool-1'; exit 0",
            r"with 0 and did not make .*tool-1:\nERROR: Could",
        ),
        ("mkdir tool-1; exit 0", "ended with 0 and did not make"),
        ("mkdir -p tool-1/bin; echo no compiler; exit 1", r"ended with 1 and made .*tool-1:\nno compiler"),
    ],
)
def test_installbs_word_is_not_taken_for_it(archive: Path, scipion: Path, does: str, message: str) -> None:
    acts(scipion, does)
    with pytest.raises(em_archive.Failed, match=message):
        em_archive.installb(archive, "tool-1", scipion)


def test_what_an_attempt_left_is_removed_first(archive: Path, scipion: Path) -> None:
    em = scipion / "software/em"
    (em / "tool-1/half").mkdir(parents=True)
    (em / "other-2/bin").mkdir(parents=True)
    acts(scipion, "test ! -e tool-1 && tar -xf tool-1.tgz")
    em_archive.installb(archive, "tool-1", scipion)
    assert sorted(path.name for path in em.iterdir()) == ["other-2", "tool-1"]


def test_a_link_that_leads_elsewhere_removes_nothing_there(scipion: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (scipion / "software/em/tool-1").symlink_to(elsewhere)
    em_archive.forget("tool-1", scipion / "software/em")
    assert elsewhere.is_dir() and not (scipion / "software/em/tool-1").is_symlink()


def test_a_binary_is_made_of_one_file_and_there(tmp_path: Path) -> None:
    scipion, home = tmp_path / "scipion", tmp_path / "tool-1"
    result = scipion / "software/em/tool-1"

    def made(digest: str) -> int:
        return em_archive.main(["made", digest, "tool-1", str(home), str(scipion)])

    assert made("0" * 64) == 1
    result.mkdir(parents=True)
    assert made("0" * 64) == 1
    Path(f"{home}.installed").write_text("0" * 64)
    assert made("0" * 64) == 0 and made("1" * 64) == 1
    result.rmdir()
    assert made("0" * 64) == 1


def test_the_reason_is_the_last_word(tmp_path: Path) -> None:
    program = Path(em_archive.__file__)
    argv = [sys.executable, str(program), "archive", "x.tgz", "0" * 64, "0", str(tmp_path / "x"), str(tmp_path)]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(FETCHING)}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert done.stderr == "em_package: x.tgz could not be fetched:\n  the site names no mirror\n"
