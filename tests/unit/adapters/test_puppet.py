"""Puppet runs: what is sent, what is run, what is said, and what is left (nothing)."""

from __future__ import annotations

import io
import subprocess
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from cloudify_scipion.adapters.local.access import Access
from cloudify_scipion.adapters.puppet import _FOLLOWED, WAITING, PuppetOverSsh
from cloudify_scipion.adapters.puppet_applied import FOLDER, run_digest
from cloudify_scipion.errors import PuppetFailed
from cloudify_scipion.lifecycle.facts import CommandResult
from tests.fakes.ports import FakeProgress
from tests.unit.adapters.recording import RecordingShell

CASES = Path(__file__).resolve().parents[2] / "cases/puppet"
PROXY = "http://me:s3cret@proxy:3128"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    for name in ("manifests/site.pp", "modules/a/manifests/init.pp", "modules/a/README.md", "modules/a/spec/x_spec.rb"):
        path = tmp_path / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "code"


@pytest.fixture
def access(tmp_path: Path) -> Access:
    (tmp_path / "ca.pem").write_text("CA")
    return Access(tmp_path / "host", {"SSL_CERT_FILE": str(tmp_path / "ca.pem"), "https_proxy": PROXY})


def shell(run: str) -> RecordingShell:
    """A machine on which Puppet says what it said when the run was recorded."""
    log, report = (CASES / f"{run}.log").read_text(), CASES / f"{run}.yaml"
    told = CommandResult(0, report.read_text(), "") if report.exists() else CommandResult(1, "", "no such file")
    return RecordingShell({"env": CommandResult(int((CASES / f"{run}.code").read_text()), log, ""), "cat": told})


def sent(shell: RecordingShell, folder: str) -> dict[str, str]:
    (archive,) = [data for words, data in shell.calls if words[:3] == ("tar", "-C", f"/run/cloudify-scipion/{folder}")]
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = {entry.name: tar.extractfile(entry) for entry in tar}
        return {name: file.read().decode() for name, file in members.items() if file}


def command(shell: RecordingShell) -> tuple[str, ...]:
    (words,) = [words for words, _ in shell.calls if words[0] == "env"]
    return words


def test_a_run_that_changes_something(code: Path, access: Access) -> None:
    progress, machine = FakeProgress(), shell("changes")
    data = {"a::title": "Größe: yes", "a::on": "on"}
    result = PuppetOverSsh(code, progress).apply(machine, access, "project", ["a", "b"], data)
    assert [r.line for r in result.changed] == [5, 8, 12]
    files = sent(machine, "puppet")
    assert {"manifests/site.pp", "modules/a/manifests/init.pp", "data/run.yaml"} <= set(files)
    assert not [name for name in files if "spec" in name]
    assert yaml.safe_load(files["data/run.yaml"]) == {**data, "classes": ["a", "b"]}
    assert progress.lines[0] == "Puppet applies the project run ..."
    assert progress.lines[1] == "    2  Exec[counting]: executed successfully"
    assert len(progress.lines) == 2  # files are counted, not said


def test_nothing_to_do(code: Path, access: Access) -> None:
    assert PuppetOverSsh(code, FakeProgress()).apply(shell("nothing"), access, "project", ["a"], {}).changed == []


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("fails", ["project run failed (exit code 6)", "Exec[downloading] (", "init.pp:23): ", "no route to mirror"]),
        ("does-not-compile", ["exit code 1", "Could not find class ::demo::missing", "init.pp, line: 36"]),
    ],
)
def test_failures(code: Path, access: Access, run: str, expected: list[str]) -> None:
    progress, machine = FakeProgress(), shell(run)
    with pytest.raises(PuppetFailed) as caught:
        PuppetOverSsh(code, progress).apply(machine, access, "project", ["a"], {})
    assert [text for text in expected if text not in caught.value.what] == []
    assert any("rror" in line or "failed" in line for line in progress.lines)
    assert machine.calls[-1][0][:2] == ("rm", "-rf")


@pytest.mark.parametrize("run", ["changes", "fails"])
def test_nothing_is_left_on_the_machine(code: Path, access: Access, run: str) -> None:
    machine = shell(run)
    try:
        PuppetOverSsh(code, FakeProgress()).apply(machine, access, "software", ["a"], {})
    except PuppetFailed:
        assert run == "fails"
    base = "/run/cloudify-scipion"
    last = [words for words, _ in machine.calls if words[0] != "sh"][-1]  # then it is remembered
    assert last == ("rm", "-rf", f"{base}/puppet", f"{base}/access", f"{base}/report", f"{base}/waiting")


def test_only_the_software_run_has_access_and_none_on_its_command_line(code: Path, access: Access) -> None:
    machine = shell("nothing")
    PuppetOverSsh(code, FakeProgress()).apply(machine, access, "project", ["a"], {})
    assert "/dev/null" in command(machine)
    assert not [words for words, _ in machine.calls if "/run/cloudify-scipion/access" in words and words[0] != "rm"]

    machine = shell("nothing")
    PuppetOverSsh(code, FakeProgress()).apply(machine, access, "software", ["a"], {})
    assert PROXY in sent(machine, "access")["environment"]
    assert "/run/cloudify-scipion/access/environment" in command(machine)
    assert not [words for words, _ in machine.calls if "s3cret" in " ".join(words)]


def test_the_command(code: Path, access: Access) -> None:
    machine = shell("nothing")
    PuppetOverSsh(code, FakeProgress()).apply(machine, access, "software", ["a"], {})
    words = command(machine)
    assert words[1] == "FACTER_cloudify_scipion_run=software"
    assert {"--detailed-exitcodes", "--no-show_diff"} <= set(words)  # a diff would show what a file holds


def test_modules_of_an_author(code: Path, access: Access, tmp_path: Path) -> None:
    (tmp_path / "mine/extra/manifests").mkdir(parents=True)
    (tmp_path / "mine/extra/manifests/init.pp").write_text("class extra {}")
    machine = shell("nothing")
    PuppetOverSsh(code, FakeProgress()).apply(machine, access, "project", ["extra"], {}, tmp_path / "mine")
    assert sent(machine, "puppet")["modules/extra/manifests/init.pp"] == "class extra {}"


def test_the_digest_is_that_of_what_is_sent(code: Path, access: Access) -> None:
    def digest() -> str:
        return PuppetOverSsh(code, FakeProgress()).modules_digest()

    first = digest()
    (code / "modules/a/spec/x_spec.rb").write_text("another test")
    (code / "modules/a/README.md").write_text("another text")
    assert digest() == first
    (code / "modules/a/manifests/init.pp").write_text("another class")
    assert digest() != first
    (code / "modules/a/manifests/init.pp").rename(code / "modules/a/manifests/moved.pp")
    moved = digest()
    (code / "modules/a/manifests/moved.pp").rename(code / "modules/a/manifests/init.pp")
    assert moved != digest()


def test_a_locked_run_is_a_software_run_without_the_hosts_settings(code: Path, access: Access) -> None:
    machine = shell("nothing")
    PuppetOverSsh(code, FakeProgress()).apply(machine, access, "locked", ["a"], {})
    assert command(machine)[1] == "FACTER_cloudify_scipion_run=software"
    assert PROXY not in sent(machine, "access")["environment"]
    assert "sources/locked.list" in sent(machine, "access")


def test_hiera_puts_nothing_into_what_a_person_wrote(code: Path, access: Access) -> None:
    machine = shell("nothing")
    data = {"a::title": "100 %{facts.os} %", "a::list": [{"x": "%{y}"}]}
    PuppetOverSsh(code, FakeProgress()).apply(machine, access, "project", ["a"], data)
    told = yaml.safe_load(sent(machine, "puppet")["data/run.yaml"])
    assert told["a::title"] == "100 %{literal('%')}{facts.os} %"
    assert told["a::list"] == [{"x": "%{literal('%')}{y}"}]


def test_files_that_are_made_are_sent_and_count(code: Path, access: Access) -> None:
    machine, plain = shell("nothing"), PuppetOverSsh(code, FakeProgress())
    puppet = PuppetOverSsh(code, FakeProgress(), lambda: {"modules/a/files/made": b"made"})
    puppet.apply(machine, access, "project", ["a"], {})
    assert sent(machine, "puppet")["modules/a/files/made"] == "made"
    assert puppet.modules_digest() == puppet.modules_digest() != plain.modules_digest()


def test_a_known_run_is_not_made(code: Path, access: Access) -> None:
    puppet, machine = PuppetOverSsh(code, FakeProgress()), shell("nothing")
    data = {"a::title": "x"}
    digest = run_digest(puppet.modules_digest(), "project", ["a"], data)
    machine.answers = {**machine.answers, "sh": CommandResult(0, f"{digest}\nstate\nstate\n", "")}
    result = puppet.apply(machine, access, "project", ["a"], data, unless_known=True)
    assert (result.known, result.changed, len(machine.calls)) == (True, [], 1)
    assert not puppet.apply(machine, access, "project", ["a"], data).known  # who heals asks for it in any case
    assert not puppet.apply(machine, access, "project", ["a"], {}, unless_known=True).known


@pytest.mark.parametrize(("run", "kept"), [("nothing", True), ("changes", True), ("fails", False)])
def test_a_run_is_forgotten_before_and_remembered_only_when_it_ended_well(
    code: Path, access: Access, run: str, kept: bool
) -> None:
    machine = shell(run)
    with suppress(PuppetFailed):
        PuppetOverSsh(code, FakeProgress()).apply(machine, access, "project", ["a"], {})
    programs = [words[0] for words, _ in machine.calls]
    assert machine.calls[0][0][:2] == ("rm", "-rf") and FOLDER in machine.calls[0][0][2]
    assert ("sh" in programs) is kept
    if kept:
        told = [stdin for words, stdin in machine.calls if words[0] == "sh"][0].decode()
        assert "/" in told.split("\n", 2)[2]


def test_what_is_downloaded_is_told_in_between_and_is_no_part_of_the_log(code: Path, access: Access) -> None:
    log = "\n".join(
        [
            "waiting: one_1.0_all.deb from mirror.example, 12 MB of 53 MB",
            "said: the mirror mirror.example does not give two_1.0_all.deb: nothing came for 45 s",
            "waiting: ",
            "Error: last words",
        ]
    )
    machine, progress = RecordingShell({"env": CommandResult(1, log, "")}), FakeProgress()
    with pytest.raises(PuppetFailed) as caught:
        PuppetOverSsh(code, progress).apply(machine, access, "software", ["a"], {})
    assert progress.lines[1:4] == [
        "waiting for one_1.0_all.deb from mirror.example, 12 MB of 53 MB",
        "  the mirror mirror.example does not give two_1.0_all.deb: nothing came for 45 s",
        "waiting for ",
    ]
    assert "waiting" not in str(caught.value) and "last words" in str(caught.value)


def test_programs_that_download_are_followed_until_puppet_ends(tmp_path: Path) -> None:
    """The very command, with another program in Puppet's place."""
    (tmp_path / "environment").write_text("FETCHING_PATIENCE=7\n")
    script = _FOLLOWED.replace(WAITING, str(tmp_path / "waiting"))
    program = 'echo begin; echo "waiting: x" >> $FETCHING_REPORT; sleep 1.2; echo $FETCHING_PATIENCE; exit 6'
    argv = ["timeout", "25", "sh", "-c", script, str(tmp_path / "environment"), "sh", "-c", program]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 6
    assert sorted(done.stdout.split("\n")) == sorted(["begin", "waiting: x", "7", ""])
