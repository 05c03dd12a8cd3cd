"""Puppet runs on a machine over SSH: send the modules, apply them, report every resource."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cloudify_scipion.adapters.puppet_applied import Applied, run_digest
from cloudify_scipion.adapters.puppet_report import failures, parse_line, parse_report
from cloudify_scipion.adapters.tarball import pack, read_files, unpack_on
from cloudify_scipion.errors import PuppetFailed
from cloudify_scipion.lifecycle.facts import PuppetResult, ResourceResult
from cloudify_scipion.lifecycle.ports import Progress, Shell
from cloudify_scipion.lifecycle.provider import Access
from cloudify_scipion.resources import files_digest, shipped_files

FOLDER = "/run/cloudify-scipion"
CODE, ACCESS, REPORT = f"{FOLDER}/puppet", f"{FOLDER}/access", f"{FOLDER}/report"
WAITING = f"{FOLDER}/waiting"
"""Where programs that download on the machine write what they wait for."""
SUCCESS = (0, 2)
"""Exit codes of --detailed-exitcodes: 0 nothing to do, 2 changed, 4 and 6 failures, 1 the run itself failed."""
DEADLINE = 14400.0
"""Seconds for a whole run: slow mirrors may take hours, and those that hang are given up much earlier."""


class PuppetOverSsh:
    """Implements the port Puppet; `code` is the folder that holds hiera.yaml, manifests, data and modules.

    `made` gives further files of that folder, which are made when they are needed.
    """

    def __init__(self, code: Path, progress: Progress, made: Callable[[], Mapping[str, bytes]] = dict) -> None:
        self._code = code
        self._progress = progress
        self._made = made

    def modules_digest(self) -> str:
        """SHA-256 over names and contents of every file that is sent to machines."""
        digest = hashlib.sha256(files_digest(shipped_files(self._code)).encode())
        for name, content in sorted(self._made().items()):
            digest.update(f"{len(name)}:{name}:".encode() + hashlib.sha256(content).digest())
        return digest.hexdigest()

    def apply(
        self,
        shell: Shell,
        access: Access,
        run: str,
        classes: Sequence[str],
        data: Mapping[str, object],
        modules: Path | None = None,
        unless_known: bool = False,
    ) -> PuppetResult:
        """Apply `classes` with Hiera `data`; raises PuppetFailed with every failed resource."""
        began = time.monotonic()
        code = self.modules_digest() + (files_digest(shipped_files(modules)) if modules else "")
        applied = Applied(shell, run, classes, run_digest(code, run, classes, data))
        if unless_known and applied.is_known():
            return PuppetResult([], time.monotonic() - began, known=True)
        applied.forget()
        shell.run(["install", "-d", "-m", "0755", FOLDER])
        unpack_on(shell, CODE, self._archive({**data, "classes": list(classes)}, modules))
        try:
            results = self._apply(shell, access, run)
        finally:
            shell.run(["rm", "-rf", CODE, ACCESS, REPORT, WAITING])
        applied.keep(result.resource for result in results)
        return PuppetResult([r for r in results if r.status == "changed"], time.monotonic() - began)

    def _apply(self, shell: Shell, access: Access, run: str) -> list[ResourceResult]:
        environment = "/dev/null" if run == "project" else access.give(shell, ACCESS, locked=run == "locked")
        lines, code = self._stream(shell, run, environment)
        report = shell.run(["cat", f"{REPORT}/last_run_report.yaml"], expect=(0, 1)).stdout
        results = parse_report(report)
        if code not in SUCCESS:
            raise PuppetFailed(f"Puppet's {run} run failed (exit code {code}):\n{failures(results, lines)}")
        return results

    def _stream(self, shell: Shell, run: str, environment: str) -> tuple[list[str], int]:
        lines: list[str] = []
        seen = Counting(self._progress)

        def on_line(line: str) -> None:
            seen.line(line)
            if not line.startswith(("waiting: ", "said: ")):
                lines.append(line)

        with self._progress.during(f"Puppet applies the {run} run"):
            result = shell.stream(_command(run, environment), on_line, DEADLINE)
        return lines, result.code

    def _archive(self, data: Mapping[str, object], modules: Path | None) -> bytes:
        files = {**read_files(shipped_files(self._code)), **self._made()}
        if modules:
            files |= {f"modules/{name}": content for name, content in read_files(shipped_files(modules)).items()}
        files["data/run.yaml"] = yaml.safe_dump(_literal(dict(data)), allow_unicode=True).encode()
        return pack(files, mode=0o644)


def _literal(value: Any) -> Any:
    """Data in which Hiera finds nothing to put in: `%{...}` in a title or a pattern is what its author wrote."""
    if isinstance(value, str):
        return value.replace("%{", "%{literal('%')}{")
    if isinstance(value, Mapping):
        return {_literal(key): _literal(item) for key, item in value.items()}
    return [_literal(item) for item in value] if isinstance(value, list | tuple) else value


class Counting:
    """Says which resource Puppet just finished, with how many there were."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._count = 0

    def line(self, line: str) -> None:
        """One line of Puppet's log, or of what the programs that it runs wait for."""
        found = parse_line(line)
        if line.startswith("waiting: "):
            self._progress.waiting(line.removeprefix("waiting: "))
        elif line.startswith("said: "):
            self._progress.say(f"  {line.removeprefix('said: ')[:400]}")
        elif found:
            self._count += 1
            resource, message = found
            if not resource.startswith("File["):  # many, quick, and told in the run's result
                self._progress.say(f"  {self._count:3d}  {resource}: {message[:160]}")
        elif line.startswith(("Error:", "Warning:")):
            self._progress.say(f"  {line[:400]}")


_WITH = 'set -a; . "$0"; exec "$@"'
_FOLLOWED = f"""
set -a; . "$0"; FETCHING_REPORT={WAITING}; : > $FETCHING_REPORT
tail --follow --lines=+1 --sleep-interval=0.5 --pid=$$ $FETCHING_REPORT &
exec "$@"
"""
"""What is downloaded is told in between; the last line ends with the run."""


def _command(run: str, environment: str) -> list[str]:
    return [
        "env", f"FACTER_cloudify_scipion_run={'project' if run == 'project' else 'software'}", "LC_ALL=C.UTF-8",
        "sh", "-c", _WITH if run == "project" else _FOLLOWED, environment,
        "puppet", "apply", "--detailed-exitcodes", "--color=false", "--no-show_diff", "--logdest=console",
        f"--hiera_config={CODE}/hiera.yaml", f"--modulepath={CODE}/modules:/usr/share/puppet/modules",
        f"--lastrunreport={REPORT}/last_run_report.yaml", f"--lastrunfile={REPORT}/last_run_summary.yaml",
        f"--statedir={REPORT}", f"{CODE}/manifests/site.pp",
    ]  # fmt: skip
