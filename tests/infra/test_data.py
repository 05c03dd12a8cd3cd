"""A data space on the real machine: what the user sees, what is saved, what comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from cloudify_scipion.lifecycle.layout import TARGET
from cloudify_scipion.lifecycle.working_copy import HEALTH_SECONDS, data_problem
from tests.infra.saved import AS_USER, SPACE, Saved, assert_sound, saved_project
from tests.installation import Installation

pytestmark = pytest.mark.machine

NAME, MOVIES = "kept-2d", "/data/movies"
WORK = r"""
mkdir -p "mine/an empty folder" mine/deep/er
cd mine
printf 'results\n' > deep/er/result; chmod 640 deep/er/result
printf odd > "$(printf "line\nbreak ' \" \377")"
: > nothing
ln -s ../not/there dangling; ln -s deep/er link
ln deep/er/result "the same"
touch -d 2001-02-03T04:05:06.789 deep/er/result
chmod 750 deep
"""


@pytest.fixture(scope="module")
def kept(warm: Installation) -> Iterator[Saved]:
    """Installed over a folder in which the facility has put a file; a dataset lies beside it."""
    facility = warm.root / "spaces/local/facility/movies"
    facility.mkdir(parents=True)
    (facility / "movie.mrc").write_bytes(b"frames")
    dataset = {"source": "local:facility/movies", "mount": MOVIES}
    with saved_project(warm, NAME, data={"datasets": [dataset]}) as project:
        (project.space / "from the facility").mkdir(parents=True)
        (project.space / "from the facility/gain.mrc").write_bytes(b"gain")
        log = warm.install(NAME)
        assert "pull: done" in log
        yield project


def test_the_facilitys_file_and_the_dataset_are_there(kept: Saved) -> None:
    assert kept.user("cat 'from the facility/gain.mrc'").stdout == "gain"
    assert kept.user(f"cat {MOVIES}/movie.mrc").stdout == "frames"
    refused = kept.user(f"touch {MOVIES}/mine", expect=(1,)).stderr
    assert "Read-only" in refused or "Permission" in refused
    assert "Read-only" in kept.run("touch", f"{MOVIES}/roots", expect=(1,)).stderr


def test_what_the_user_may_see_of_saving(kept: Saved) -> None:
    for closed in (
        "/srv/scipion-space",
        "/srv/scipion-volume",
        "/srv/scipion-volume/agent",
        "/srv/scipion-volume/user",
    ):
        kept.user(f"ls {closed}", expect=(2,))
    assert "last saved" in kept.user("scipion-data status").stdout
    menu = kept.user("/usr/local/share/cloudify-desktop/bin/menu-of-saving").stdout
    assert 'prog "Save now"' in menu
    watchers = kept.run("pgrep", "-u", "scipion", "-f", "cloudify_saving.window watch").stdout.split()
    assert len(watchers) == 1


def test_the_user_asks_for_a_push(kept: Saved) -> None:
    kept.user("echo wish > wished; touch /run/scipion-data/requests/push")
    script = "until [ ! -e /run/scipion-data/requests/push ]; do sleep 0.2; done"
    kept.run("timeout", "60", "sh", "-c", script)
    kept.push()  # waits for the one that runs
    assert (kept.space / "wished").read_text() == "wish\n"


def test_a_work_has_four_capabilities(kept: Saved) -> None:
    """It waits for the agent's lock, which we have: a work that does nothing, for as long as we look."""
    lock = "/srv/scipion-volume/agent/lock"
    kept.run("systemd-run", "--quiet", "--unit=holder", "flock", lock, "sleep", "60")
    kept.run("systemctl", "start", "--no-block", "scipion-data@push.service")
    script = (
        "until pid=$(systemctl show -P MainPID scipion-data@push.service) && [ $pid != 0 ]"
        " && grep -q run /proc/$pid/cmdline; do sleep 0.1; done; cat /proc/$pid/status"
    )
    try:
        told = kept.run("timeout", "30", "sh", "-c", script).stdout
    finally:
        kept.run("systemctl", "stop", "holder.service")
    facts = dict(line.split(":\t", 1) for line in told.splitlines() if ":\t" in line)
    four = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 28  # CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_LEASE
    assert {int(facts[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {four}
    assert facts["NoNewPrivs"] == "1" and facts["Uid"].split() == ["2001"] * 4
    kept.push()


def test_protocols_run_while_pushes_go_on(kept: Saved) -> None:
    unit = f"scipion-workflow@{NAME}.service"
    kept.run("systemctl", "start", "--no-block", unit)
    pushes = 0
    while kept.run("systemctl", "is-active", unit, expect=range(8)).stdout.strip() in ("active", "activating"):
        kept.push(expect=range(8))  # 6, some files are being written, is no failure
        assert_sound(kept.space)
        pushes += 1
    assert pushes >= 2
    assert kept.protocols() == ["finished", "finished"]
    kept.installation.run("cloudify-scipion", "save", NAME)
    assert kept.status()["unsaved"] == 0
    assert assert_sound(kept.space) >= 3
    assert (kept.space / "projects" / NAME / "project.sqlite").exists()


def test_a_second_deployment_of_the_folder_is_refused(kept: Saved) -> None:
    data = {"project": {"source": f"local:{NAME}"}}
    with saved_project(kept.installation, "intruder", data=data) as intruder:
        said = kept.installation.install("intruder", code=None)
        assert f"belongs to project '{NAME}' of deployment {NAME}" in said
        assert "whose last sign of life is 0:0" in said
        assert [path.name for path in intruder.installation.root.glob("spaces/local/*/intruder*")] == []
    kept.push()


@pytest.mark.parametrize("way", ["absent", "empty", "hangs"])
def test_a_lost_mount_is_noticed_and_mounted_again(kept: Saved, way: str) -> None:
    kept.user(f"echo {way} > before")
    kept.push()
    if way == "absent":
        kept.run("umount", "--lazy", SPACE)
    elif way == "empty":
        kept.run("mount", "-t", "tmpfs", "tmpfs", SPACE)
    else:
        kept.run("systemd-run", "--quiet", "--unit=hanging", "python3", "-c", HANGING, SPACE)
        kept.run("timeout", "20", "sh", "-c", f"until findmnt {SPACE} | grep fuse; do sleep 0.1; done")
    began = time.monotonic()
    said = data_problem(kept.installation.services(), kept.installation.record(NAME))
    assert time.monotonic() - began < HEALTH_SECONDS
    assert {"absent": "is not mounted", "empty": "is empty", "hangs": "hangs"}[way] in said
    if way == "hangs":  # a push would wait for it; the machine is switched off under it
        kept.installation.run("cloudify-scipion", "repair", NAME)
    else:
        kept.user("echo later > after")
        assert kept.push(expect=(1,)).code == 1
        assert not kept.status()["last"]["push"]["ok"] and (kept.space / "before").exists()
        if way == "empty":
            assert kept.run("find", SPACE, "-type", "f").stdout == ""
            kept.run("umount", SPACE)
        else:
            heal(kept)
    kept.installation.run("cfy", "executions", "start", "check_status", "-b", NAME)
    kept.push()
    assert (kept.space / "before").read_text() == f"{way}\n"
    if way != "hangs":
        assert (kept.space / "after").read_text() == "later\n"
    kept.user("rm -f before after")
    kept.assert_usable()


def heal(kept: Saved) -> None:
    found = json.loads(kept.installation.run("cfy", "node-instances", "-b", NAME))
    instance = next(one["id"] for one in found if one["node_id"] == "working_copy")
    kept.installation.run("cfy", "executions", "start", "heal", "-b", NAME, "-p", f"node_instance_id={instance}")


HANGING = """
import ctypes, os, sys, time
fuse = os.open("/dev/fuse", os.O_RDWR)
how = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
libc = ctypes.CDLL(None, use_errno=True)
assert libc.mount(b"hanging", sys.argv[1].encode(), b"fuse", 0, how) == 0, ctypes.get_errno()
time.sleep(600)
"""
"""A file system that never answers."""


def test_uninstall_after_work_and_a_reinstall(kept: Saved) -> None:
    """The last of this file: everything comes back from the data space alone."""
    warm, before = kept.installation, kept.installation.record(NAME)
    kept.user(WORK)
    tree, twins = kept.tree("mine")
    project, _ = kept.tree(f"projects/{NAME}")
    log = warm.uninstall(NAME)
    assert "SEALED: all" in log and "HELD" not in log
    assert warm.services().projects.load(NAME) is None
    assert not warm.services().of(before).volumes.look(before.volume).exists and warm.host.traces(before.machine) == []
    assert kept.leases == []
    assert (kept.space / "mine/deep/er/result").read_bytes() == b"results\n"
    assert "acknowledge" in (kept.space / "about-this-project/README.txt").read_text()
    lock = json.loads((kept.space / "about-this-project/software.lock.json").read_text())
    assert lock["software"]["scipion"] == "3.8.3"
    assert (kept.space / "from the facility/gain.mrc").read_bytes() == b"gain"
    sound = assert_sound(kept.space)

    warm.install(NAME)
    again, again_twins = kept.tree("mine")
    assert again == tree
    assert again_twins == twins == [["deep/er/result", "the same"]]
    assert kept.protocols() == ["finished", "finished"]
    assert project.keys() <= kept.tree(f"projects/{NAME}")[0].keys()
    assert kept.user("cat 'from the facility/gain.mrc'").stdout == "gain"
    assert kept.run(*AS_USER, "test", "-w", f"{TARGET}/mine/nothing").code == 0
    assert "SEALED: all" in warm.uninstall(NAME)
    assert assert_sound(kept.space) == sound
