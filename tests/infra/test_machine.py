"""The demo's machine as testinfra sees it over SSH."""

from __future__ import annotations

from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

from cloudify_scipion.errors import PuppetFailed
from tests.conftest import Demo

pytestmark = pytest.mark.machine


@pytest.fixture(scope="module")
def host(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Host:
    record = demo.installation.record(demo.project)
    demo.installation.shell(demo.project)  # writes the known host key
    keys = demo.installation.root / "projects" / demo.project / "ssh"
    config = tmp_path_factory.mktemp("ssh") / "config"
    config.write_text(
        f"Host machine\n HostName 127.0.0.1\n Port {record.ports['ssh']}\n User root\n IdentitiesOnly yes\n"
        f" IdentityFile {keys}/login_ed25519\n UserKnownHostsFile {keys}/known_hosts\n StrictHostKeyChecking yes\n"
    )
    found: Host = testinfra.get_host("ssh://machine", ssh_config=str(config))
    return found


def test_user_and_volume(host: Host) -> None:
    user, home = host.user("scipion"), host.file("/home/scipion/ScipionUserData")
    assert (user.uid, user.gid, user.home) == (2000, 2000, "/home/scipion")
    assert (home.user, home.group) == ("scipion", "scipion") and not home.mode & 0o007
    assert host.mount_point(home.path).filesystem == "ext4"


def test_services(host: Host) -> None:
    for name in ("vnc", "session", "gateway"):
        assert host.service(f"cloudify-desktop-{name}").is_running
    assert host.check_output("systemctl is-system-running") == "running"


def test_software(host: Host) -> None:
    assert host.package("relion").version.startswith("3.1.3")
    assert host.file("/opt/em/relion-3.1/bin").is_directory
    assert host.pip("scipion-app", pip_path="/opt/scipion/venv/bin/pip").is_installed
    installed = host.pip.get_packages(pip_path="/opt/scipion/venv/bin/pip")
    assert installed["scipion-em-relion"]["version"] == "4.0.20"
    cores = host.check_output("nproc")
    assert cores in host.file("/opt/scipion/config/hosts.conf").content_string


def test_only_ssh_and_the_desktop_listen(host: Host) -> None:
    # Scipion's project window waits for its viewers on a port of its own, which is published nowhere.
    listening = [line.split() for line in host.check_output("ss -Hltne").splitlines() if "uid:2000" not in line]
    open_ports = {words[3] for words in listening if not words[3].startswith(("127.", "[::1]"))}
    assert open_ports == {"0.0.0.0:22", "0.0.0.0:6080"}


def test_secrets_are_root_s_alone(host: Host) -> None:
    for path in ("/etc/ssh/ssh_host_ed25519_key", "/root/.ssh/authorized_keys"):
        assert (host.file(path).mode, host.file(path).user) == (0o600, "root")
    assert not host.file("/run/cloudify-scipion/access").exists


def test_a_failing_resource_is_named_with_its_place(demo: Demo, tmp_path: Path) -> None:
    manifest = tmp_path / "broken/manifests/init.pp"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("class broken {\n  file { '/nowhere/at/all': content => 'x' }\n}\n")
    services = demo.installation.services()
    shell = demo.installation.shell(demo.project)
    with pytest.raises(PuppetFailed, match=r"File\[/nowhere/at/all\] \(.*broken/manifests/init\.pp:2\): .*nowhere"):
        services.puppet.apply(shell, services.provider({}).access, "project", ["broken"], {}, tmp_path)
