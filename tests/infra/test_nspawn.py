"""The local machine on the real host: killed at any point, cut off, taken apart, and kept from its neighbours."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.adapters.local import aptsources, base, network, resolving
from cloudify_scipion.adapters.local.base import BaseCache
from cloudify_scipion.adapters.local.mounts import mounted_below
from cloudify_scipion.adapters.local.tree import remove_tree
from cloudify_scipion.adapters.progress import LineProgress
from cloudify_scipion.errors import DiskFull, PermanentError, VolumeBusy
from cloudify_scipion.lifecycle.facts import MachineSpec, VolumeMount
from tests.infra.kill_points import KILL_POINTS, KillPoint, kill_point
from tests.infra.killed import DIGEST, SEED, SIZE, verb
from tests.realhost import RealHost, free_port
from tests.seeds import sample

pytestmark = pytest.mark.machine
REPOSITORY = Path(__file__).parents[2]
CAP_DAC_READ_SEARCH, CAP_LINUX_IMMUTABLE, CAP_SYS_ADMIN, CAP_MKNOD = 2, 9, 21, 27
IN_ORDER = ("volume", "attach", "create", "start", "stop", "capture", "start", "delete", "discard")


@pytest.fixture
def host(machine_state: Path) -> Iterator[RealHost]:
    real = RealHost(machine_state)
    real.clear()
    yield real
    real.clear()


def machine(name: str = "m", volume: str | None = None) -> MachineSpec:
    mounts = (VolumeMount(volume, "user", "/home/scipion/ScipionUserData"),) if volume else ()
    return MachineSpec(name, name, {"project": name}, {22: free_port()}, None, mounts, (SEED,))


def wait_booted(host: RealHost, name: str = "m") -> None:
    deadline = time.monotonic() + 30
    while host.inside(name, "systemctl", "is-system-running").stdout.strip() not in ("running", "degraded"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def use(host: RealHost, done: str) -> None:
    """What a project would do between the verbs."""
    if done == "attach":
        (host.volumes.mount("v") / "user/kept").write_text("results")
    elif done == "start" and not host.layers.has(DIGEST):
        for path in ("root/opt/software", "root/var/log/some.log", "downloads/apt/archives/a_1.deb"):
            target = host.folder("m").path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("3.8.3")


def assert_as_it_should_be(host: RealHost, done: str) -> None:
    facts, volume = host.machines.look("m"), host.volumes.look("v")
    if done == "start":
        assert facts.running
        assert facts.network
        assert network.list_forwards(host.folder("m").path)
        assert host.inside("m", "cat", "/etc/seed/key").stdout == "secret"
        assert host.inside("m", "cat", "/home/scipion/ScipionUserData/kept").stdout == "results"
        assert host.inside("m", "test", "-e", "/dev/fuse").returncode == 0
    if done == "stop":
        assert facts.exists
        assert not host.traces("m")
    if done == "capture":
        layer = host.layers.list()[0]
        meta = json.loads((host.layers.path(DIGEST).parent / "meta.json").read_text())
        assert (facts.layer, layer.used_by, layer.contents) == (DIGEST, ("m",), {"scipion": "3"})
        assert (host.layers.path(DIGEST) / "opt/software").read_text() == "3.8.3"
        assert not (host.layers.path(DIGEST) / "var/log/some.log").exists()
        assert not (host.layers.path(DIGEST) / "etc/seed/key").exists()
        assert [*meta["downloads"]] == ["debs/a_1.deb"]
        assert len([*host.root.glob("store/debs/*/a_1.deb")]) == 1
        assert not [*host.root.glob("cache/layers/*.part")]
    if done == "delete":
        assert not host.traces("m")
        assert not host.folder("m").path.exists()
        assert volume.exists
    if done == "discard":
        assert [path.name for path in (host.root / "volumes").rglob("*") if path.name not in (".lock", "mnt")] == []
        assert not host.loops()
        assert not mounted_below(host.root)


def in_a_process(host: RealHost, wanted: str, port: int, *point: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tests.infra.killed", str(host.root), wanted, str(port), *point]
    return subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)


def killed_at(host: RealHost, port: int, point: KillPoint) -> None:
    done = in_a_process(host, point.verb, port, f"{point.function}:{point.moment}:{point.count}")
    assert done.returncode == -signal.SIGKILL, f"{point} was not reached: {done.stderr}"


@pytest.mark.parametrize("point", sample(KILL_POINTS, 10), ids=str)
def test_killed_and_run_again(host: RealHost, point: KillPoint) -> None:
    port, killed = free_port(), False
    for done in IN_ORDER:
        if done == point.verb and not killed:
            killed = True
            killed_at(host, port, point)
        verb(host, done, port)
        assert_as_it_should_be(host, done)
        use(host, done)


def test_every_kill_point_is_reached(host: RealHost) -> None:
    """Whichever points the day draws: none is on the list that the code does not come to any more."""
    port, calls = free_port(), dict[tuple[str, str], int]()
    for number, done in enumerate(IN_ORDER):
        if done in IN_ORDER[:number]:
            verb(host, done, port)
        else:
            counted = in_a_process(host, done, port)
            assert counted.returncode == 0, counted.stderr
            found = json.loads(counted.stdout.splitlines()[-1])
            calls |= {(done, function): count for function, count in found.items()}
        assert_as_it_should_be(host, done)
        use(host, done)
    print(calls)  # seen when it fails: how far each is from its count
    assert [str(each) for each in KILL_POINTS if calls[each.verb, each.function] < each.count] == []


@pytest.mark.parametrize("moment", [0.02, 0.05, 0.1, 0.2, 0.4])
def test_killed_at_any_time_of_a_start(host: RealHost, moment: float) -> None:
    port = free_port()
    verb(host, "volume", port)
    argv = [sys.executable, "-m", "tests.infra.killed", str(host.root), "start", str(port), "cgroups:trim_log:after:99"]
    started = subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not host.folder("m").path.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(moment)
    started.kill()
    started.wait()
    (host.volumes.mount("v") / "user/kept").write_text("results")
    verb(host, "start", port)
    assert_as_it_should_be(host, "start")
    assert not verb(host, "start", port)


def test_capture_killed_then_started_instead(host: RealHost) -> None:
    port = free_port()
    for done in ("volume", "attach", "start"):
        verb(host, done, port)
        use(host, done)
    verb(host, "stop", port)
    killed_at(host, port, kill_point("capture", "layers:LayerCache.finish:before:2"))
    assert verb(host, "start", port)
    assert host.machines.look("m").layer == DIGEST
    assert host.inside("m", "cat", "/opt/software").stdout == "3.8.3"


def test_whole_machine_boots_without_failed_units(host: RealHost) -> None:
    host.machines.start(machine())
    wait_booted(host)
    assert host.inside("m", "systemctl", "--failed", "--no-legend").stdout == ""
    assert host.inside("m", "hostname").stdout == "m\n"
    listening = host.inside("m", "ss", "-Hltn").stdout
    assert {line.split()[3] for line in listening.splitlines()} <= {"0.0.0.0:22", "[::]:22"}
    assert len(host.inside("m", "cat", "/etc/machine-id").stdout.strip()) == 32


def test_fuse_is_for_users_and_device_nodes_for_nobody(host: RealHost) -> None:
    host.machines.start(machine())
    wait_booted(host)
    as_user = ("setpriv", "--reuid=2000", "--regid=2000", "--clear-groups")
    assert host.inside("m", *as_user, "sh", "-c", "exec 3<>/dev/fuse").returncode == 0
    status = Path(f"/proc/{host.leader('m')}/status").read_text()
    bounds = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd")), 16)
    assert bounds & 1 << CAP_SYS_ADMIN
    assert not bounds & (1 << CAP_MKNOD | 1 << CAP_LINUX_IMMUTABLE | 1 << CAP_DAC_READ_SEARCH)


def test_environment_of_the_caller_stays_outside(host: RealHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_PASSWORD", "do-not-leak")
    host.machines.start(machine())
    wait_booted(host)
    environments = [_bytes(Path(f"/proc/{process.pid}/environ")) for process in host.processes("m")]
    assert any(environments)
    assert not [text for text in environments if b"do-not-leak" in text]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # ended meanwhile
        return b""


def test_processes_are_written_down_with_their_start(host: RealHost) -> None:
    host.machines.start(machine())
    noted = json.loads((host.folder("m").path / "processes.json").read_text())
    living = {(process.pid, process.start) for process in host.processes("m")}
    written = {(entry["pid"], entry["start"]) for entry in noted} & living  # a program may have ended since
    network = {(process.pid, process.start) for process in host.group("m", "network").processes()}
    assert host.leader("m") in {pid for pid, _ in written}
    assert network & written
    host.kill([process for process in host.processes("m") if (process.pid, process.start) in written])
    assert not host.machines.look("m").running


def connects(host: RealHost, name: str, address: str, port: int) -> bool:
    """Whether a program in the machine's network reaches an address."""
    code = f"import socket; socket.create_connection(({address!r}, {port}), 3)"
    argv = ["nsenter", f"--target={host.leader(name)}", "--net", sys.executable, "-c", code]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def own_address() -> str:
    """An address of this host that is not its loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        address: str = probe.getsockname()[0]
    return address


def test_machines_cannot_reach_each_other_nor_the_hosts_loopback(host: RealHost) -> None:
    first, second = machine("first"), machine("second")
    for wanted in (first, second):
        host.machines.start(wanted)
        wait_booted(host, wanted.name)
    with socket.create_server(("127.0.0.1", 0)) as private, socket.create_server((own_address(), 0)) as public:
        hidden = [*first.ports.values(), *second.ports.values(), private.getsockname()[1]]
        for port in hidden:
            with socket.create_connection(("127.0.0.1", port), 3):
                pass  # this host does reach it
            for address in ("127.0.0.1", "10.0.2.2", "10.0.2.3", own_address()):
                assert not connects(host, "second", address, port), (address, port)
        assert connects(host, "second", *public.getsockname())


def mirrors() -> set[str]:
    """Hosts of this host's Debian mirrors."""
    text = "\n".join(aptsources.debian_sources(aptsources.host_source_files(), "bookworm"))
    return {word.split("/")[2] for word in text.split() if word.startswith(("http://", "https://"))}


def test_names_are_resolved_inside(host: RealHost) -> None:
    host.machines.start(machine())
    wait_booted(host)
    for name in mirrors():
        assert host.inside("m", "getent", "hosts", name).returncode == 0


BY_THEN = """
import sys
from pathlib import Path
from tests.infra.test_nspawn import machine
from tests.realhost import RealHost
assert RealHost(Path(sys.argv[1])).machines.start(machine())
"""


def test_a_host_whose_first_name_server_has_died_since(host: RealHost, tmp_path: Path) -> None:
    """This host's servers are others in one mount namespace only: there the machine is started again."""
    host.machines.start(machine())
    wait_booted(host)
    before = host.inside("m", "cat", "/etc/resolv.conf").stdout
    good = resolving.parse(Path("/etc/resolv.conf").read_text()).servers
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
        dead.bind(("127.0.0.9", 53))  # takes questions, and never answers
        text = "".join(f"nameserver {server}\n" for server in ("127.0.0.9", *good))
        (tmp_path / "resolv.conf").write_text(f"{text}search lab.example\n")
        host.cut_network("m")
        bind = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        start = [sys.executable, "-c", BY_THEN, str(host.root)]
        apart = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", bind, str(tmp_path / "resolv.conf")]
        subprocess.run([*apart, *start], check=True, timeout=60)
        said = host.inside("m", "cat", "/etc/resolv.conf").stdout
        assert said.startswith(f"nameserver {resolving.RELAY_4}\nnameserver {good[0]}\n"), said
        assert "search lab.example\n" in said and "timeout:2" in said
        for name in mirrors():
            assert host.inside("m", "getent", "hosts", name).returncode == 0
        assert dead.recv(512), "the dead one was asked first"
    wanted = machine()
    assert host.machines.start(wanted)
    assert host.inside("m", "cat", "/etc/resolv.conf").stdout == before, "this host's own servers are told again"
    assert not host.machines.start(wanted)


def test_somebody_elses_mount_in_the_folder_is_left_alone(host: RealHost, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    host.machines.create(machine())
    point = host.folder("m").path / "downloads"
    subprocess.run(["mount", "--bind", str(tmp_path), str(point)], check=True)
    try:
        with pytest.raises(PermanentError, match="mounted there"):
            host.machines.delete("m")
        assert (tmp_path / "precious").read_text() == "x"
        assert host.machines.look("m").exists
    finally:
        subprocess.run(["umount", str(point)], check=True)
    assert host.machines.delete("m")
    assert (tmp_path / "precious").read_text() == "x"


def test_folder_deleted_by_hand_while_it_runs(host: RealHost) -> None:
    host.volumes.create("v", SIZE, {})
    wanted = machine(volume="v")
    host.machines.start(wanted)
    wait_booted(host)
    assert host.inside("m", "sh", "-c", "echo results > /home/scipion/ScipionUserData/kept").returncode == 0
    host.lose_folder("m")
    assert (host.volumes.mount("v") / "user/kept").read_text() == "results\n"
    assert host.machines.start(wanted)
    wait_booted(host)
    assert host.inside("m", "cat", "/home/scipion/ScipionUserData/kept").stdout == "results\n"
    assert host.machines.delete("m")
    assert not host.traces("m")
    assert (host.volumes.mount("v") / "user/kept").read_text() == "results\n"


def test_only_the_container_dies(host: RealHost) -> None:
    wanted = machine()
    host.machines.start(wanted)
    host.kill([process for process in host.group("m").processes() if process.pid == host.leader("m")])
    facts = host.machines.look("m")
    assert (facts.running, facts.network) == (False, False)
    assert host.machines.start(wanted)
    wait_booted(host)


def test_rebooted_from_inside(host: RealHost) -> None:
    wanted = machine()
    host.machines.start(wanted)
    wait_booted(host)
    host.inside("m", "systemctl", "reboot")  # nothing is above it that would boot it again
    deadline = time.monotonic() + 30
    while host.machines.look("m").running:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert not host.machines.look("m").network
    assert host.machines.start(wanted)
    wait_booted(host)
    assert host.machines.look("m").network


def test_container_that_cannot_start_says_why(host: RealHost) -> None:
    wanted = replace(machine(), hostname="not a host name")
    with pytest.raises(PermanentError, match="container"):
        host.machines.start(wanted)
    assert host.machines.delete("m")
    assert not host.traces("m")


def test_long_and_odd_state_root(host: RealHost) -> None:
    host.machines.create(machine())  # so that there is a base
    odd = host.root / f"it's {'long' * 30} a:b,c\\d"
    (odd / "cache").mkdir(parents=True)
    (odd / "cache/base").symlink_to(host.root / "cache/base")
    there = RealHost(odd)
    there.volumes.create("v", SIZE, {})
    there.machines.start(machine(volume="v"))
    wait_booted(there)
    assert there.machines.look("m").network
    assert there.inside("m", "touch", "/home/scipion/ScipionUserData/x").returncode == 0
    there.clear()
    assert not there.traces("m")
    remove_tree(odd)


def test_volume_is_not_for_the_hosts_users(host: RealHost) -> None:
    host.volumes.create("v", SIZE, {})
    assert host.volumes.mount("v").parent.stat().st_mode & 0o077 == 0


def test_volume_in_use_by_this_host_is_busy(host: RealHost) -> None:
    host.volumes.create("v", SIZE, {})
    point = host.volumes.mount("v")
    with (point / "open").open("w"), pytest.raises(VolumeBusy):
        host.volumes.detach("v")
    assert host.volumes.detach("v")


def test_unclean_volume_is_checked_before_it_is_mounted(host: RealHost) -> None:
    host.volumes.create("v", SIZE, {})
    point = host.volumes.mount("v")
    (point / "user/kept").write_text("results")
    subprocess.run(["sync", "-f", str(point)], check=True)
    image = host.root / "volumes/v.img"
    crashed = image.with_suffix(".crashed")
    shutil.copyfile(image, crashed)  # as it would be found after a power cut: mounted, journal not empty
    host.volumes.detach("v")
    crashed.replace(image)
    assert (host.volumes.mount("v") / "user/kept").read_text() == "results"


def test_volume_damaged_beyond_repair_is_not_mounted(host: RealHost) -> None:
    host.volumes.create("v", SIZE, {})
    with (host.root / "volumes/v.img").open("r+b") as stream:
        stream.write(os.urandom(2_000_000))
    with pytest.raises(PermanentError, match="damaged"):
        host.volumes.attach("v")
    assert not host.loops()


def test_volume_larger_than_the_disk(host: RealHost) -> None:
    with pytest.raises(DiskFull, match="GB left"):
        host.volumes.create("v", 10**15, {})
    assert not host.volumes.look("v").exists


def test_foreign_mount_at_a_volumes_place(host: RealHost, tmp_path: Path) -> None:
    host.volumes.create("v", SIZE, {})
    point = host.root / "volumes/mnt/v"
    point.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(point)], check=True)
    try:
        for attempt in (host.volumes.attach, host.volumes.detach):
            with pytest.raises(PermanentError, match="mounted at"):
                attempt("v")
    finally:
        subprocess.run(["umount", str(point)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    image, point = tmp_path / "small.img", tmp_path / "small"
    with image.open("wb") as stream:
        stream.truncate(150_000_000)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    point.mkdir()
    subprocess.run(["mount", "-o", "loop", str(image), str(point)], check=True)
    yield point
    subprocess.run(["umount", str(point)], check=True)


def test_disk_full_while_the_base_is_built(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = BaseCache(small_disk, LineProgress(lambda line: None))
    with pytest.raises(DiskFull, match=str(small_disk)):
        cache.ensure()
    monkeypatch.setattr(base, "NEEDED_BYTES", 1_000_000)  # as if others had filled it meanwhile
    with pytest.raises(DiskFull, match=str(small_disk)):
        cache.ensure()
    assert [path.name for path in (small_disk / "cache/base").iterdir()] == [f"{cache.digest}.lock"]
    assert [mount.point for mount in mounted_below(small_disk)] == [small_disk]


def test_builder_killed_leaves_no_process_and_no_mount(tmp_path: Path) -> None:
    state = tmp_path / "state"
    code = (
        "import sys; from pathlib import Path; from cloudify_scipion.adapters.local.base import BaseCache;"
        "from cloudify_scipion.adapters.progress import LineProgress;"
        "BaseCache(Path(sys.argv[1]), LineProgress(print)).ensure()"
    )
    builder = subprocess.Popen([sys.executable, "-c", code, str(state)], cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not [*state.glob("cache/base/*.part/root/var/lib/apt")] and time.monotonic() < deadline:
        time.sleep(0.1)
    builder.kill()
    builder.wait()
    time.sleep(1)
    assert not mounted_below(state)
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.parent.exists()]
    assert not [command for command in commands if str(state).encode() in command]
    assert [*state.glob("cache/base/*.part")]  # the next builder removes it: tests/unit/local/test_base.py
