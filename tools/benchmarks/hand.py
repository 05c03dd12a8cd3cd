"""The warm install typed by hand: plain commands, nothing of our lifecycle and nothing of Cloudify.

It ends with the same thing: a machine on the same layer with a volume, SSH with a known host key, both Puppet runs, the
Scipion project, the desktop.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tools.benchmarks.log import Span

CONTAINER = "scipion-bench-by-hand"
GROUPS = [Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified")]
CODE = "/run/by-hand"
PUPPET = (
    "puppet apply --detailed-exitcodes --color=false --hiera_config={code}/hiera.yaml "
    "--modulepath={code}/modules:/usr/share/puppet/modules {code}/manifests/site.pp"
)
SSHD = "HostKey /etc/ssh/ssh_host_ed25519_key\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"


@dataclass
class Hand:
    """`lowers` are layer and base; `code` is the Puppet folder; `data` maps a run to its Hiera data (YAML text).

    `work` is a folder of our own, `ports` are (SSH, desktop) on 127.0.0.1. `spans` says what took how long.
    """

    work: Path
    lowers: tuple[Path, Path]
    code: Path
    data: dict[str, str]
    workflow: bytes
    project: str
    ports: tuple[int, int]
    spans: list[Span] = field(default_factory=list)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """Where the container's root is mounted."""
        return self.work / "root"

    @property
    def volume(self) -> Path:
        """Where the volume is mounted."""
        # other machines' containers leave mounts of such names alone
        return self.work / "volumes/mnt/by-hand"

    def up(self) -> str:
        """Everything up to the link."""
        for name, step in (
            ("keys", self._keys), ("volume", self._volume), ("clone of the layer", self._clone),
            ("boot", self._boot), ("network", self._network), ("SSH answers", self._wait_for_ssh),
            ("software run", lambda: self._puppet("software")), ("Scipion project", self._scipion_project),
            ("project run", lambda: self._puppet("project")),
        ):  # fmt: skip
            with self.lap(name):
                step()
        with self.lap("link"):
            token = json.loads(self._ssh("/usr/local/sbin/cloudify-desktop-link --valid 60"))["token"]
        return f"http://127.0.0.1:{self.ports[1]}/#token={token}"

    @contextmanager
    def lap(self, name: str) -> Iterator[None]:
        """Note what a step takes."""
        began = time.monotonic()
        yield
        self.spans.append(Span(name, time.monotonic() - began))

    def _keys(self) -> None:
        for name in ("id", "host"):
            _run(f"ssh-keygen -q -t ed25519 -N '' -f {self.work}/{name}")
        words = (self.work / "host.pub").read_text().split()[:2]
        (self.work / "known_hosts").write_text(f"[127.0.0.1]:{self.ports[0]} {' '.join(words)}\n")

    def _volume(self) -> None:
        self.volume.mkdir(parents=True)
        image = self.work / "volume.img"
        _run(f"truncate -s 2G {image}", f"mkfs.ext4 -q {image}", f"mount -o loop {image} {self.volume}")
        _run(f"chown 2000:2000 {self.volume}")

    def _clone(self) -> None:
        for name in ("root", "upper", "work"):
            (self.work / name).mkdir()
        lower = ":".join(map(str, self.lowers))
        options = f"lowerdir={lower},upperdir={self.work}/upper,workdir={self.work}/work"
        _run(f"mount -t overlay cloudify-scipion -o {options} {self.root}")
        etc, ssh = self.root / "etc", self.root / "root/.ssh"
        (etc / "hostname").write_text("by-hand\n")
        (etc / "hosts").write_text("127.0.0.1 localhost by-hand\n")
        (etc / "resolv.conf").write_text("nameserver 10.0.2.3\n")
        (etc / "ssh/sshd_config.d/by-hand.conf").write_text(SSHD)
        _run(f"install -m 0600 {self.work}/host {etc}/ssh/ssh_host_ed25519_key", f"mkdir -p -m 0700 {ssh}")
        _run(f"install -m 0600 {self.work}/id.pub {ssh}/authorized_keys")

    def _boot(self) -> None:
        inside = f"--bind={self.volume}:/home/scipion/ScipionUserData"
        nspawn = (
            f"exec systemd-nspawn --boot --quiet --directory={self.root} --machine={CONTAINER} --register=no "
            f"--keep-unit --private-network --resolv-conf=off --timezone=off --link-journal=no {inside}"
        )
        groups = [str(folder / CONTAINER) for folder in GROUPS if folder.is_dir()]
        for group in groups:
            Path(group).mkdir(exist_ok=True)
        join = 'for g in $0; do echo $$ > $g/cgroup.procs; done; exec script -qfc "$1" "$2"'
        self._start(["sh", "-c", join, " ".join(groups), nspawn, str(self.work / "console.log")])
        self._leader()

    def _network(self) -> None:
        api = self.work / "network.sock"
        words = "slirp4netns --configure --mtu=65520 --disable-host-loopback --api-socket"
        self._start([*words.split(), str(api), str(self._leader()), "tap0"])
        _until(api.exists)
        for host, guest in zip(self.ports, (22, 6080), strict=True):
            _forward(api, host, guest)

    def _wait_for_ssh(self) -> None:
        _until(lambda: subprocess.run(self._login("true"), capture_output=True, check=False).returncode == 0, 60)

    def _puppet(self, run: str) -> None:
        unpack = f"rm -rf {CODE} && mkdir -p {CODE} && tar -C {CODE} -xf - --exclude=spec"
        tar = ["tar", "-C", str(self.code), "--exclude=spec", "-cf", "-", "."]
        with subprocess.Popen(tar, stdout=subprocess.PIPE) as packed:
            subprocess.run(self._login(unpack), stdin=packed.stdout, check=True, timeout=60)
        self._ssh(f"cat > {CODE}/data/run.yaml", self.data[run].encode())
        command = f"FACTER_cloudify_scipion_run={run} LC_ALL=C.UTF-8 {PUPPET.format(code=CODE)}"
        done = subprocess.run(self._login(command), capture_output=True, text=True, check=False, timeout=600)
        if done.returncode not in (0, 2):
            raise RuntimeError(f"Puppet's {run} run by hand ended with {done.returncode}:\n{done.stdout}{done.stderr}")

    def _scipion_project(self) -> None:
        self._ssh("cat > /run/workflow.json", self.workflow)
        self._ssh(f"runuser -u scipion -- /opt/scipion/bin/scipion-workflow create {self.project} /run/workflow.json")

    def _login(self, command: str) -> list[str]:
        options = f"-F none -p {self.ports[0]} -i {self.work}/id -o UserKnownHostsFile={self.work}/known_hosts"
        return ["ssh", *options.split(), "-o", "BatchMode=yes", "root@127.0.0.1", command]

    def _ssh(self, command: str, stdin: bytes = b"") -> bytes:
        return subprocess.run(self._login(command), input=stdin, capture_output=True, check=True, timeout=300).stdout

    def _start(self, argv: list[str]) -> None:
        with (self.work / "started.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            )

    def _leader(self) -> int:
        """The container's first process: a child of systemd-nspawn, which is the child of script."""
        found: list[int] = []

        def look() -> bool:
            found.extend(pid for pid in _grandchildren(self._processes[0].pid) if _is_first(pid))
            return bool(found)

        _until(look)
        return found[0]

    def down(self) -> None:
        """End and remove everything, however far it got; not measured."""
        if self._processes and self._processes[0].poll() is None:
            for leader in filter(_is_first, _grandchildren(self._processes[0].pid)):
                os.kill(leader, signal.SIGRTMIN + 4)
        for process in self._processes[:1]:
            _ended(process, 20)
        for process in reversed(self._processes):
            process.kill()
            _ended(process, 5)
        for point in (self.root, self.volume):
            if point.is_mount():
                _run(f"umount {point}")
        for group in (folder / CONTAINER for folder in GROUPS):
            _remove_group(group)


def _children(pid: int) -> list[int]:
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [int(word) for word in words]


def _grandchildren(pid: int) -> list[int]:
    return [inner for child in _children(pid) for inner in _children(child)]


def _is_first(pid: int) -> bool:
    """Whether a process is number 1 in its own PID namespace."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return next(line.split()[-1] for line in lines if line.startswith("NSpid:")) == "1"


def _ended(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _remove_group(group: Path) -> None:
    for folder in sorted(group.rglob("*/"), reverse=True) if group.is_dir() else []:
        folder.rmdir()
    if group.is_dir():
        group.rmdir()


def _forward(api: Path, host: int, guest: int) -> None:
    arguments = {"proto": "tcp", "host_addr": "127.0.0.1", "host_port": host, "guest_port": guest}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(api))
        connection.sendall(json.dumps({"execute": "add_hostfwd", "arguments": arguments}).encode())
        connection.shutdown(socket.SHUT_WR)
        if b"error" in (answer := connection.recv(4096)):
            raise RuntimeError(answer.decode())


def _until(question: object, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not question():  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.05)


def _run(*commands: str) -> None:
    for command in commands:
        subprocess.run(shlex.split(command), check=True, capture_output=True, timeout=60)
