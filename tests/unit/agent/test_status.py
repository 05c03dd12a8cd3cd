"""What `scipion-data status` tells: sizes, what is not saved, and all of it after a reboot of the machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.agent import cli, status
from cloudify_scipion.agent.plan.text import shown
from tests.unit.agent.rig import Rig

TEMPLATE = Path(__file__).parents[3] / "puppet/modules/working_copy/templates/tmpfiles.conf.epp"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"), (1, "1 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500, "1.5 kB"), (999_949, "999.9 kB"),
        (999_950, "1.0 MB"), (12_345_678, "12.3 MB"), (99_999_999, "100.0 MB"), (999_999_999, "1.0 GB"),
        (50_000_000_000, "50.0 GB"), (2_500_000_000_000, "2.5 TB"), (12_345 * 10**12, "12345.0 TB"),
    ],
)  # fmt: skip
def test_sizes(size: int, text: str) -> None:
    assert shown(size) == text


def told(**changed: Any) -> dict[str, Any]:
    known = {"pulled": True, "saved": "2026-01-01T00:00:00+00:00", "work": ""}
    summary = {**status.empty(), **status._IDLE, **known, **changed}
    return summary | {"doubt": status._doubt(summary)}


def ended(**works: bool) -> dict[str, Any]:
    return {work: {"ok": ok, "message": "" if ok else f"{work} went wrong", "next": ""} for work, ok in works.items()}


def test_progress_has_sizes_of_every_scale() -> None:
    going = {"work": "pull", "phase": "copying", "files_done": 1, "files_total": 2, "bytes_done": 1_500,
             "bytes_total": 2_000_000, "rate": 45_600, "seconds_left": 61}  # fmt: skip
    (line, _) = status.lines(told(**going))
    assert line == "pull: copying, 1 of 2 files, 1.5 kB of 2.0 MB, 45.6 kB/s, 1 min 1 s left"


@pytest.mark.parametrize("last", [{}, {"push": True}, {"push": True, "verify": True, "seal": True}, {"scan": False}])
def test_what_is_known(last: dict[str, bool]) -> None:
    line = status.lines(told(last=ended(**last)))[0]
    assert line == "last saved: 2026-01-01T00:00:00+00:00; not saved: 0 files"
    assert status.lines(told(unsaved=3, last=ended(**last)))[0].endswith("; not saved: 3 files")


@pytest.mark.parametrize("work", ["push", "verify", "seal"])
@pytest.mark.parametrize(("unsaved", "how"), [(0, "unknown"), (3, "at least 3 files")])
def test_nothing_is_promised_after_a_failure(work: str, unsaved: int, how: str) -> None:
    last = ended(**{"push": True, "verify": True, "seal": True, work: False})
    line, failure = status.lines(told(unsaved=unsaved, last=last))
    assert line.endswith(f"; not saved: {how} (the last {work} did not succeed)")
    assert failure == f"{work}: {work} went wrong"
    assert "0 files" not in line


def test_nothing_is_promised_before_the_first_pull() -> None:
    (line,) = status.lines(told(pulled=False, saved=None))
    assert line == "last saved: never; not saved: unknown (the first pull is not complete)"
    line = status.lines(told(pulled=False, saved=None, last=ended(push=False, seal=False)))[0]
    assert line.endswith("unknown (the first pull is not complete; the last push and seal did not succeed)")


def boot(rig: Rig, folder: Path) -> None:
    """What systemd makes in /run, as the Puppet module tells it."""
    text = "\n".join(TEMPLATE.read_text().splitlines()[1:]) + "\n"
    for of_machine, here in (("/run/scipion-data", rig.root / "run"), ("<%= $volume %>/agent", rig.state)):
        assert of_machine in text
        text = text.replace(of_machine, str(here))
    path = folder / "scipion-data.conf"
    path.write_text(re.sub("<%= .*? %>", "root", text))
    subprocess.run(["systemd-tmpfiles", "--create", str(path)], check=True)


def test_after_a_reboot(new: Rig, tmp_path: Path) -> None:
    """/run is empty then; whoever asks is told what the agent last said, without a work having run."""
    config = new.root / "config.json"
    config.write_text(json.dumps(new.document()))
    new.web("a", b"facility")
    for work in ("pull", "push"):
        assert cli.main(["--config", str(config), "run", work]) == 0
    before = status.document(new.config())
    assert before["pulled"] and before["last"]["push"]["ok"]
    shutil.rmtree(new.root / "run")
    boot(new, tmp_path)
    assert status.document(new.config()) == before
    assert (new.root / "run/status.json").stat().st_mode & 0o777 == 0o644
    assert cli.main(["--config", str(config), "run", "push"]) == 0
    after = status.document(new.config())
    boot(new, tmp_path)
    assert status.document(new.config()) == after != before, "what is there is newer"


def test_at_the_first_boot_there_is_nothing_to_tell(new: Rig, tmp_path: Path) -> None:
    boot(new, tmp_path)
    assert not (new.root / "run/status.json").exists()
    assert (new.root / "run/requests").is_dir()


@pytest.mark.parametrize("busy", [False, True])
def test_what_waits_for_an_answer_is_not_saved(rig: Rig, busy: bool) -> None:
    """Once, whatever else it waits for."""
    path = rig.write("a", b"content")
    rig.push()
    rig.clock.boot_id = "boot-2"
    path.write_bytes(b"")
    rig.push()
    assert rig.questions() == ["destroyed"]
    with rig.world() as world:
        if busy:
            world.index.attempts.count_try(b"a")
            world.index.commit()
    status.write_summary(rig.config(), {})
    told = status.document(rig.config())
    assert (told["unsaved"], told["held"]["files"]) == (1, 1)
    assert told["busy"] == ["a"] * busy
    assert [question["id"] for question in told["questions"]] == ["destroyed"]
