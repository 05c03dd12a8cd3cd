"""What the kernel and the tools say, read from recorded output."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cloudify_scipion.adapters.local.cgroups import hierarchies
from cloudify_scipion.adapters.local.launch import others
from cloudify_scipion.adapters.local.mounts import Mount, parse_loops, parse_mountinfo
from cloudify_scipion.adapters.local.overlay import overlay_options
from cloudify_scipion.adapters.local.process import alive, identify, parse_namespace_pids, parse_stat

HYBRID = r"""
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
""".lstrip()
UNIFIED = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate\n"
OURS = r"""
50 27 0:60 / /var/lib/my\040state/machines/a/root rw,relatime - overlay cloudify-scipion rw,lowerdir=x
51 27 0:61 / /var/lib/my\040state/machines/ü/root rw,relatime - overlay cloudify-scipion rw,lowerdir=x
52 27 7:1 / /var/lib/my\040state/volumes/mnt/a rw,nosuid - ext4 /dev/loop1 rw
53 27 7:2 / /snap/core rw,nosuid - squashfs /dev/loop2 ro
54 27 0:70 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw,lowerdir=y
""".lstrip()


def test_mountinfo_unescapes_and_skips_optional_fields() -> None:
    mount = parse_mountinfo(UNIFIED + OURS.splitlines()[0] + "\nnonsense\n")
    assert mount[0] == Mount("0:26", "/", Path("/sys/fs/cgroup"), "cgroup2", "cgroup2", "rw,nsdelegate")
    assert mount[1].point == Path("/var/lib/my state/machines/a/root")
    assert len(mount) == 2


def test_hierarchies_of_systemd() -> None:
    assert hierarchies(parse_mountinfo(UNIFIED)) == [Path("/sys/fs/cgroup")]
    assert hierarchies(parse_mountinfo(HYBRID)) == [Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified")]
    assert not hierarchies(parse_mountinfo(HYBRID.splitlines()[0]))


def test_a_container_leaves_other_machines_mounts_and_nothing_else() -> None:
    keep = ["/var/lib/my state/machines/a/root"]
    left = others(OURS.encode(), [os.fsencode(path) for path in keep])
    assert [os.fsdecode(point) for point in left] == [
        "/var/lib/my state/machines/ü/root",
        "/var/lib/my state/volumes/mnt/a",
    ]


def test_stat_with_any_name() -> None:
    fields = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20"
    assert parse_stat(f"12 (a) b) (c) {fields}\n") == ("S", 4711)
    assert parse_stat("") is None


def test_namespace_pids() -> None:
    assert parse_namespace_pids("Name:\tsystemd\nNSpid:\t812\t1\n") == [812, 1]
    assert parse_namespace_pids("") == []


def test_identity_is_number_and_start() -> None:
    own = identify(os.getpid())
    assert own is not None
    assert alive(own)
    assert not alive(type(own)(own.pid, own.start + 1))
    assert identify(2**22 + 1) is None


def test_loops_are_found_by_file() -> None:
    listed = {
        "loopdevices": [
            {"name": "/dev/loop3", "back-ino": 12, "back-maj:min": "254:0"},
            {"name": "/dev/loop4", "back-ino": 12, "back-maj:min": " 8:1 "},
        ]
    }
    assert parse_loops(json.dumps(listed), os.makedev(8, 1), 12) == [Path("/dev/loop4")]
    assert parse_loops(json.dumps(listed), os.makedev(8, 1), 13) == []
    assert parse_loops("", 1, 1) == []


def test_overlay_options() -> None:
    assert overlay_options(["l", "b"], "u", "w") == (
        "lowerdir=l:b,upperdir=u,workdir=w,redirect_dir=off,metacopy=off,index=off"
    )
