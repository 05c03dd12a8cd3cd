"""What is asked of a machine about its packages, and that nothing of the host stays there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from cloudify_scipion.adapters.inventory import FOLDER, InventoryOverSsh
from cloudify_scipion.adapters.local.access import Access
from cloudify_scipion.catalogue.pins.file import AptPackage, PythonPackage
from cloudify_scipion.lifecycle.facts import CommandResult
from tests.fakes.ports import FakeProgress
from tests.unit.adapters.recording import RecordingShell
from tests.unit.catalogue.test_pins import ORIGINS, POLICY, SUMS, B, C


class Machine(RecordingShell):
    """Answers as the tools do; `broken` ends apt-cache with an error of SSH."""

    broken = False

    def run(
        self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 60.0, expect: Sequence[int] = (0,)
    ) -> CommandResult:
        super().run(argv, stdin=stdin)
        words = " ".join(argv)
        if "apt-cache" in words and self.broken:
            raise RuntimeError("cut off")
        return CommandResult(0, next((text for mark, text in ANSWERS if mark in words), ""), "")


ANSWERS = (
    ("sha256sum", SUMS),
    ("dpkg-query", "relion\t3.1.3-3+b1\tamd64\tinstalled\n"),
    ("pip --disable", '[{"name": "PyQt5-sip", "version": "12.20.0"}]'),
    ("apt-cache policy relion", ORIGINS),
    ("apt-cache policy novnc", ORIGINS),
    ("apt-cache policy", POLICY),
)


@pytest.fixture
def access(tmp_path: Path) -> Access:
    (tmp_path / "ca.pem").write_text("CA")
    return Access(tmp_path / "host", {"SSL_CERT_FILE": str(tmp_path / "ca.pem")})


def test_everything_is_asked_and_nothing_is_left(access: Access) -> None:
    machine = Machine()
    found = InventoryOverSsh(FakeProgress()).collect(machine, access, ["/opt/venv"], ["a", "b"], locked=False)
    file = "relion_3.1.3-3+b1_amd64.deb"
    assert found.apt[0] == AptPackage("relion", "3.1.3-3+b1", "amd64", "Debian/oldstable", B, file)
    wheel = "PyQt5_sip-12.20.0-cp311-cp311-linux_x86_64.whl"
    assert found.python == (PythonPackage("/opt/venv", "PyQt5-sip", "12.20.0", "PyPI", C, wheel),)
    assert [one.origin for one in found.archives] == ["a or b"]
    assert machine.calls[-1][0] == ("rm", "-rf", FOLDER)


def test_an_interruption_leaves_nothing_either(access: Access) -> None:
    machine = Machine()
    machine.broken = True
    with pytest.raises(RuntimeError):
        InventoryOverSsh(FakeProgress()).collect(machine, access, [], [], locked=False)
    assert machine.calls[-1][0] == ("rm", "-rf", FOLDER)


def test_from_a_lock_no_mirror_is_asked(access: Access) -> None:
    machine = Machine()
    found = InventoryOverSsh(FakeProgress()).collect(machine, access, [], [], locked=True)
    assert found.apt[0].origin == ""
    assert not [words for words, _ in machine.calls if "apt-get" in words or FOLDER in words]
