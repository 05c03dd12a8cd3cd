"""A data space of OneData from the site file to the sealed end, on a real machine with a STAND-IN for its client.

The stand-in (tests/hostile, as a package of tests/infra/oneclient_repository.py) is real FUSE and real systemd; the
provider behind it is a folder of the machine. Tests change what it grants and how it misbehaves. They share one
machine, and each leaves it well; the last one uninstalls it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloudify_scipion.errors import ReadOnlyDataSpace, ScipionError, TokenRefused, UnknownDataSpace
from cloudify_scipion.lifecycle.layout import AGENT
from cloudify_scipion.lifecycle.parts import CONFIGURATION, WORKING_COPY, heal_part, heal_parts
from cloudify_scipion.lifecycle.ports import Shell
from cloudify_scipion.lifecycle.working_copy import data_problem, renew_token
from tests.infra.mirror import host_address, mirror
from tests.infra.oneclient_repository import HOST, STATE, VERSION, provider, write_repository
from tests.installation import SITE, Installation, remove
from tests.unit.project.test_tokens import macaroon, url

pytestmark = pytest.mark.machine

NAME = "onedata-project"
SECRET = "facility-onedata"  # noqa: S105 - a name
OLD, NEW = (url(macaroon("time < 4102444800", f"ip = 192.0.2.{number}")) for number in (1, 2))
TARGETS = {"project": "/srv/scipion-space/project", "verify": "/srv/scipion-space/verify", "dataset-1": "/data/movies"}
FOLDER = f"{STATE}/beamtime"
"""What the Oneprovider would have in its store."""
PROJECT, MOVIES = f"{FOLDER}/p/1", f"{FOLDER}/raw/7"
NOTICED_SECONDS = 20


@dataclass
class Cloud:
    """The installation, with the errors that were met on the way to it."""

    installation: Installation
    log: str = ""
    refusals: dict[str, ScipionError] = field(default_factory=dict)

    @property
    def shell(self) -> Shell:
        return self.installation.shell(NAME)

    def run(self, script: str, stdin: bytes | None = None) -> str:
        return self.shell.run(["sh", "-ec", script], stdin=stdin, timeout=120).stdout

    def know(self, token: str) -> None:
        """Put a token into the secret of this installation."""
        path = self.installation.root / "secrets" / SECRET
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(token)

    def grant(self, tokens: Mapping[str, Any], *names: str, read_only: bool = False) -> None:
        """What the provider knows from now on; a client that is connected keeps what it has."""
        spaces = {name: {"path": FOLDER, "read_only": read_only} for name in names or ("Cryo EM",)}
        self.run("cat > /etc/oneclient-stand-in.json", provider(tokens, spaces).encode())

    def order(self, mount: str, *words: str) -> Any:
        """Tell the stand-in of a mount to misbehave, or ask it."""
        argv = ["oneclient", "stand-in", f"/var/lib/onedata/{mount}/spaces", *words]
        return json.loads(self.shell.run(argv).stdout)

    def use(self, work: Callable[..., Any]) -> Any:
        return work(self.installation.services(), self.installation.record(NAME))

    def refused(self, work: Callable[..., Any]) -> ScipionError:
        with pytest.raises(ScipionError) as caught:
            self.use(work)
        return caught.value

    def cfy(self, workflow: str, *words: str, code: int | None = 0) -> str:
        return self.installation.run("cfy", "executions", "start", workflow, "-b", NAME, *words, code=code)

    def heal(self) -> None:
        """As the operation does."""
        self.use(lambda services, record: heal_part(services, record, WORKING_COPY))


def write_files(folder: Path, url: str, repository: dict[str, str]) -> tuple[Path, Path]:
    """A project file and a site file with a OneData space, as docs/operator.md shows it."""
    space = {"kind": "onedata", "provider": HOST, "space": "Cryo EM", "token": SECRET, "repository": repository}
    site = {**yaml.safe_load(SITE.read_text()), "data_spaces": {"facility": space}}
    (folder / "site.yaml").write_text(yaml.safe_dump(site, sort_keys=False))
    data = {
        "project": {"source": "facility:p/1"},
        "datasets": [{"source": "facility:raw/7", "mount": TARGETS["dataset-1"]}],
    }
    project = {"id": NAME, "title": "In OneData", "software": {"scipion": "3.8.3"}, "data": data}
    path = folder / f"{NAME}.json"
    path.write_text(json.dumps({**project, "volume": {"size_gb": 1, "at_end": "hold"}}))
    return path, folder / "site.yaml"


@pytest.fixture(scope="module")
def cloud(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Installed at the fifth attempt: no token, a refused one, an unknown space, one that is read-only."""
    folder, work = tmp_path_factory.mktemp("served") / "apt", tmp_path_factory.mktemp("work")
    repository = write_repository(folder, work)
    made = Cloud(installation)
    with mirror(folder) as address, pytest.MonkeyPatch.context() as patch:
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, host_address(), prepend=",")
        installation.render(*write_files(work, address, repository.document(address)))
        try:
            _install(made)
            yield made
        finally:
            record = installation.services().projects.load(NAME)
            remove(installation, NAME)
            if record and record.layer:
                installation.services().of(record).layers.remove(record.layer)


def _install(cloud: Cloud) -> None:
    (cloud.installation.root / "secrets" / SECRET).unlink(missing_ok=True)
    cloud.log = cloud.installation.install(NAME, code=None)
    assert f"secret '{SECRET}' is not known" in cloud.log
    cloud.know(OLD)
    cloud.log += cloud.installation.install(NAME, code=None)
    cloud.run(f"install -d -o {AGENT} -g {AGENT} {FOLDER} && mkdir -p {MOVIES} && echo movie > {MOVIES}/1.mrc")
    cloud.grant({OLD: {}}, "Another space")
    cloud.refusals["unknown"] = cloud.refused(renew_token)
    cloud.grant({OLD: {}}, read_only=True)
    cloud.refusals["read-only"] = cloud.refused(renew_token)
    cloud.grant({OLD: {}})
    cloud.run(f"mkdir -p {PROJECT} && echo gain > {PROJECT}/gain.mrc && chown -R {AGENT}:{AGENT} {FOLDER}/p")
    cloud.log += cloud.installation.again(NAME)


def test_what_is_refused_is_said(cloud: Cloud) -> None:
    assert f"{HOST} refuses the token of the data space 'facility': ERROR: Invalid token" in cloud.log
    assert f"put another one into the secret '{SECRET}'" in cloud.log
    unknown, read_only = cloud.refusals["unknown"], cloud.refusals["read-only"]
    assert isinstance(unknown, UnknownDataSpace) and "shows no space 'Cryo EM' (data space 'facility')" in unknown.what
    assert isinstance(read_only, ReadOnlyDataSpace)
    assert read_only.what.startswith("nothing can be saved in the data space 'facility': it is mounted or granted ")
    assert "'p' of 'p/1' cannot be made" in read_only.what


def test_the_client_is_pinned(cloud: Cloud) -> None:
    assert cloud.run("dpkg-query -W -f '${Version}' oneclient") == VERSION
    assert "Signed-By: /etc/apt/keyrings/onedata.asc" in cloud.run("cat /etc/apt/sources.list.d/onedata.sources")
    assert cloud.run("systemctl is-enabled onedata@project onedata@verify onedata@dataset-1").split() == ["enabled"] * 3


def test_what_is_mounted(cloud: Cloud) -> None:
    found = json.loads(cloud.run("findmnt -J -t fuse.oneclient -o TARGET,SOURCE,OPTIONS --list"))["filesystems"]
    seen = {row["target"]: (row["source"], "ro" in row["options"].split(",")) for row in found}
    assert {target: seen[target] for target in TARGETS.values()} == {
        TARGETS["project"]: ("oneclient[/Cryo EM/p/1]", False),
        TARGETS["verify"]: ("oneclient[/Cryo EM/p/1]", True),
        TARGETS["dataset-1"]: ("oneclient[/Cryo EM/raw/7]", True),
    }
    assert cloud.run("runuser -u scipion -- cat /data/movies/1.mrc") == "movie\n"
    assert cloud.run("runuser -u scipion -- cat /home/scipion/ScipionUserData/gain.mrc") == "gain\n"
    told = cloud.shell.run(["runuser", "-u", "scipion", "--", "touch", "/data/movies/2.mrc"], expect=(1,)).stderr
    assert "Read-only file system" in told
    assert cloud.shell.run(["runuser", "-u", "scipion", "--", "ls", "/srv/scipion-space"], expect=(2,)).stderr


def test_the_token_is_in_its_files_only(cloud: Cloud) -> None:
    files = cloud.run("stat -c '%a %u %n' /etc/onedata/*.token").split("\n")
    assert files[:-1] == [f"600 {AGENT} /etc/onedata/{name}.token" for name in ("dataset-1", "project", "verify")]
    holders = cloud.run(f"grep -rlsF -e {OLD} / --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev || true")
    provided = "/etc/oneclient-stand-in.json"  # the provider, which is not the machine's
    assert {name for name in holders.split() if name != provided} == {line.split()[2] for line in files if line}
    assert OLD not in cloud.run("ps axww -o args; journalctl --no-pager -o export")
    assert OLD not in cloud.log
    roots = (cloud.installation.root, cloud.installation.folder)
    kept = [path for root in roots for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(kept) > 1000
    machines, secret = cloud.installation.root / "machines", cloud.installation.root / "secrets" / SECRET
    told = [path for path in kept if machines not in path.parents and OLD.encode() in path.read_bytes()]
    assert told == [secret]


def test_the_layer_has_the_client_and_nothing_of_the_project(cloud: Cloud) -> None:
    folder = cloud.installation.root / "cache/layers" / cloud.installation.record(NAME).layer / "root"
    assert (folder / "usr/bin/oneclient").exists()
    assert [path.name for path in (folder / "etc/onedata").iterdir()] == []
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if NAME.encode() in path.read_bytes() or b"Cryo EM" in path.read_bytes()] == []


def test_a_save_is_read_back_through_the_second_mount(cloud: Cloud) -> None:
    cloud.run("runuser -u scipion -- tee /home/scipion/ScipionUserData/result", b"results of work")
    cloud.order("verify", "calls", "true")
    cloud.installation.run("cloudify-scipion", "save", NAME)
    assert cloud.run(f"cat {PROJECT}/result") == "results of work"
    assert cloud.order("verify", "calls").get("read", 0) > 0


def noticed_in(log: str) -> float:
    """Seconds that the working copy's check_status took, in the output of cfy."""
    found = re.findall(
        r"^(\S+ \S+)\s+CFY .*working_copy_\w+\.check_status\] Task (?:started|failed) ", log, re.MULTILINE
    )
    begin, end = (datetime.fromisoformat(text) for text in found)
    return (end - begin).total_seconds()


def test_hung_mounts_are_noticed_and_mounted_anew(cloud: Cloud) -> None:
    for mount in TARGETS:
        cloud.order(mount, "set", '{"hang": true}')
    log = cloud.cfy("check_status", code=None)
    assert noticed_in(log) <= NOTICED_SECONDS
    for target in TARGETS.values():
        assert f"{target} hangs" in log
    cloud.heal()
    assert cloud.use(data_problem) == ""


def spoil(cloud: Cloud, mount: str, how: str) -> str:
    """What check_status is to say."""
    if how == "unmounted":
        cloud.run(f"umount -l {TARGETS[mount]}")
        return f"{TARGETS[mount]} is empty"
    cloud.order(mount, "set", json.dumps({"empty": True} if how == "no spaces" else {"error": "EIO"}))
    return f"{TARGETS[mount]} {'is absent' if how == 'no spaces' else 'does not answer: Input/output error'}"


@pytest.mark.parametrize("turn", range(3))
def test_other_bad_mounts_are_noticed_and_mounted_anew(cloud: Cloud, turn: int) -> None:
    ways = ("unmounted", "no spaces", "error")
    expected = [spoil(cloud, mount, ways[(turn + number) % 3]) for number, mount in enumerate(TARGETS)]
    told = cloud.use(data_problem)
    for words in expected:
        assert words in told
    if turn == 0:
        cloud.cfy("heal", "-p", '{"allow_reinstall": false}')
    else:
        cloud.heal()
    assert cloud.use(data_problem) == ""
    cloud.run(f"test -f {TARGETS['project']}/gain.mrc && runuser -u scipion -- test -f {TARGETS['dataset-1']}/1.mrc")


def test_a_token_that_ends_is_renewed_without_a_reinstall(cloud: Cloud) -> None:
    before = cloud.installation.record(NAME)
    cloud.grant({OLD: {"expires": 1.0}, NEW: {}})
    log = cloud.cfy("renew_token", code=None)
    assert "refuses the token" in log and "Expired token" in log
    assert "Expired token" in cloud.use(data_problem)
    assert isinstance(cloud.refused(lambda services, record: heal_parts(services, record, CONFIGURATION)), TokenRefused)
    cloud.know(NEW)
    cloud.cfy("renew_token")
    assert cloud.use(data_problem) == ""
    cloud.cfy("check_status")
    after = cloud.installation.record(NAME)
    assert (after.machine, after.generation, after.layer) == (before.machine, before.generation, before.layer)
    assert cloud.run(f"grep -lF -e {OLD} /etc/onedata/* || true") == ""
    cloud.installation.run("cloudify-scipion", "save", NAME)


def test_dropped_writes_keep_the_project_whole_until_they_are_done(cloud: Cloud) -> None:
    cloud.run("runuser -u scipion -- tee /home/scipion/ScipionUserData/last", b"the last result")
    cloud.order("project", "set", '{"drops_writes": "zeros", "writer_sees_writes": true}')
    cloud.order("verify", "calls", "true")
    log = cloud.installation.uninstall(NAME, code=None)
    assert cloud.order("verify", "calls").get("read", 0) > 0  # what the writer's mount says proves nothing
    assert "is not proven to be saved, so nothing was stopped" in log and "last: its content is another" in log
    cloud.run("systemctl is-active cloudify-desktop-session scipion-data-push.timer onedata@project")
    cloud.run("runuser -u scipion -- tee -a /home/scipion/ScipionUserData/last", b", and more")
    record = cloud.installation.record(NAME)
    assert record.seal == {} and cloud.installation.services().of(record).machines.look(record.machine).running
    cloud.order("project", "good")
    log = cloud.installation.uninstall(NAME)
    assert "SEALED: all" in log and f"deleted volume {record.volume}" in log
    assert cloud.installation.services().projects.load(NAME) is None
