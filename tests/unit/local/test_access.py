"""How a machine reaches the host's mirrors: what is taken along, what is not, and by which way."""

from __future__ import annotations

import io
import shlex
import tarfile
from pathlib import Path

import pytest

from cloudify_scipion.adapters.local.access import Access, apt_configuration
from cloudify_scipion.errors import PermanentError
from tests.unit.adapters.recording import RecordingShell

FOLDER = "/run/cloudify-scipion/access"
LIST = "deb [signed-by=/etc/apt/keyrings/m.gpg] https://user:pass@mirror/debian bookworm main\n"
OTHER = "deb [signed-by=/etc/apt/keyrings/docker.asc] https://docker/debian bookworm stable\n"
SOURCES = "Types: deb\nURIs: https://mirror/debian\nSuites: bookworm bookworm-updates\nComponents: main\n" + (
    "Signed-By: /etc/apt/keyrings/m.gpg\n"
)
PROXY = "http://me:s3cret@proxy:3128"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host's root folder."""
    files = {
        "etc/apt/sources.list": LIST,
        "etc/apt/sources.list.d/docker.list": OTHER,
        "etc/apt/sources.list.d/debian.sources": SOURCES,
        "etc/apt/sources.list.d/off.list.save": "deb https://old bookworm main\n",
        "etc/apt/keyrings/m.gpg": "KEYRING",
        "etc/apt/auth.conf": "machine a login b password c\n",
        "etc/apt/auth.conf.d/mirror.conf": "machine d login e password f\n",
        "etc/apt/auth.conf.d/README": "no",
        "etc/pip.conf": "[global]\nindex-url = https://user:pass@pypi/simple\nfind-links = /srv/wheels\ntimeout = 9\n",
        "etc/ssl/certs/ca-certificates.crt": "CA",
    }
    for name, text in files.items():
        path = tmp_path / "host" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "host"


def given(host: Path, **environment: str) -> tuple[dict[str, str], RecordingShell]:
    """The files that arrive on the machine."""
    shell = RecordingShell()
    assert Access(host, {"HOME": str(host / "root"), **environment}).give(shell, FOLDER) == f"{FOLDER}/environment"
    ((_, archive),) = [call for call in shell.calls if call[0][0] == "tar"]
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert {entry.mode for entry in tar} == {0o600}
        members = {entry.name: tar.extractfile(entry) for entry in tar}
        return {name: file.read().decode() for name, file in members.items() if file}, shell


def test_debians_sources_in_both_styles_with_their_keyrings(host: Path) -> None:
    files, _ = given(host)
    assert {name for name in files if name.startswith("sources/")} == {"sources/debian.list", "sources/debian.sources"}
    keyring = f"{FOLDER}/keyrings/m.gpg"
    assert files["sources/debian.list"] == LIST.replace("/etc/apt/keyrings/m.gpg", keyring)
    assert f"Signed-By: {keyring}\n" in files["sources/debian.sources"]
    assert files["keyrings/m.gpg"] == "KEYRING"


def test_other_repositories_stay_at_home(host: Path) -> None:
    """Their keys are not on the machine, and apt would fail for them."""
    assert not [name for name, text in given(host)[0].items() if "docker" in text or "docker" in name]


def test_a_keyring_that_every_debian_has_is_not_replaced(host: Path) -> None:
    usual = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (host / "etc/apt/sources.list").write_text(LIST.replace("/etc/apt/keyrings/m.gpg", usual))
    assert usual in given(host)[0]["sources/debian.list"]


def test_credentials_of_apt(host: Path) -> None:
    files, _ = given(host)
    assert {name for name in files if name.startswith("auth/")} == {"auth/auth.conf", "auth/mirror.conf"}


def test_apt_reads_nothing_else_and_keeps_what_it_downloads(host: Path) -> None:
    text = given(host)[0]["apt.conf"]
    for line in (
        'Dir::Etc::sourcelist "/dev/null";',
        f'Dir::Etc::sourceparts "{FOLDER}/sources";',
        f'Dir::Etc::netrcparts "{FOLDER}/auth";',
        'Dir::Cache::archives "/var/cache/cloudify-scipion/apt/archives";',
        f'Acquire::https::CAInfo "{FOLDER}/ca.pem";',
    ):
        assert line in text.splitlines()
    mine = ['Acquire::http::Proxy "x";', 'Acquire::https::CAInfo "/host/ca.pem";']
    lines = apt_configuration(FOLDER, mine).splitlines()
    assert lines[0] == mine[0]
    assert lines.index(mine[1]) < lines.index(f'Acquire::https::CAInfo "{FOLDER}/ca.pem";')  # the last one counts


def test_pip_without_folders_of_the_host(host: Path) -> None:
    extra = "file:///srv/simple https://more/simple /srv/other"
    files, _ = given(host, PIP_EXTRA_INDEX_URL=extra, PIP_INDEX_URL="", PIP_TIMEOUT="7")
    assert files["pip.conf"].splitlines() == [
        "[global]",
        "extra-index-url = https://more/simple",
        "index-url = https://user:pass@pypi/simple",
        "timeout = 7",
    ]


def test_an_index_that_only_the_host_reaches_is_dropped(host: Path) -> None:
    files, _ = given(host, PIP_INDEX_URL="file:///srv/simple")
    assert "index-url" not in files["pip.conf"]


def test_pip_reads_its_files_in_its_own_order(host: Path, tmp_path: Path) -> None:
    home = host / "root/.config/pip/pip.conf"
    home.parent.mkdir(parents=True)
    home.write_text("[global]\nindex-url = https://home/simple\n")
    assert "index-url = https://home/simple" in given(host)[0]["pip.conf"]
    (tmp_path / "named").write_text("[global]\nindex-url = https://named/simple\n")
    files, _ = given(host, PIP_CONFIG_FILE=str(tmp_path / "named"))
    assert "index-url = https://named/simple" in files["pip.conf"]


def test_secrets_are_never_on_a_command_line(host: Path) -> None:
    files, shell = given(host, https_proxy=PROXY, NO_PROXY="localhost, .local")
    assert f"https_proxy={shlex.quote(PROXY)}" in files["environment"].splitlines()
    assert "NO_PROXY='localhost, .local'" in files["environment"].splitlines()
    for words, _ in shell.calls:
        assert not [word for word in words if "s3cret" in word or "pass" in word]
    assert ("install", "-d", "-m", "0700", FOLDER) in [words for words, _ in shell.calls]


def test_the_variables_can_be_read_by_a_shell(host: Path, tmp_path: Path) -> None:
    import subprocess

    nasty = "http://a:$(touch x)'\"; exit 1 #@h"
    files, _ = given(host, http_proxy=nasty)
    (tmp_path / "environment").write_text(files["environment"])
    words = ["sh", "-c", 'set -a; . "$0"; exec "$@"', str(tmp_path / "environment"), "printenv", "http_proxy"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == nasty + "\n"
    assert not (tmp_path / "x").exists()


def test_certificates(host: Path, tmp_path: Path) -> None:
    assert given(host)[0]["ca.pem"] == "CA"
    (tmp_path / "own.pem").write_text("OWN")
    files, _ = given(host, REQUESTS_CA_BUNDLE=str(tmp_path / "own.pem"))
    assert files["ca.pem"] == "OWN"
    assert f"PIP_CERT={FOLDER}/ca.pem" in files["environment"]
    (host / "etc/ssl/certs/ca-certificates.crt").unlink()
    with pytest.raises(PermanentError) as caught:
        given(host)
    assert "ca-certificates" in caught.value.next_step


def test_from_a_lock_nothing_of_the_host_is_named(host: Path) -> None:
    shell = RecordingShell()
    Access(host, {"HOME": str(host / "root"), "https_proxy": PROXY}).give(shell, FOLDER, locked=True)
    ((_, archive),) = [call for call in shell.calls if call[0][0] == "tar"]
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = {entry.name: tar.extractfile(entry).read().decode() for entry in tar}  # type: ignore[union-attr]
    assert files["sources/locked.list"] == "deb [trusted=yes] file:/var/cache/cloudify-scipion/locked ./\n"
    assert "no-index = true" in files["pip.conf"]
    assert not [text for text in files.values() if "://" in text or "s3cret" in text]


def test_the_index_is_named_without_its_address(host: Path) -> None:
    assert Access(host, {"HOME": "/none"}).index_name() == "the host's index"
    (host / "etc/pip.conf").write_text("[global]\nextra-index-url = file:///srv/pypi\n")
    assert Access(host, {"HOME": "/none"}).index_name() == "PyPI"
    assert (
        Access(host, {"HOME": "/none", "PIP_INDEX_URL": "https://u:p@mirror/simple"}).index_name() == "the host's index"
    )


def test_how_long_mirrors_are_waited_for(host: Path) -> None:
    assert "FETCHING" not in given(host)[0]["environment"]
    assert "FETCHING_PATIENCE=7" in given(host, CLOUDIFY_SCIPION_PATIENCE="7")[0]["environment"].splitlines()
