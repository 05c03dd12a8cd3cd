"""The files beside a blueprint that its author names: what is wrong with one is told by its name, never retried."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cloudify.exceptions import HttpException, NonRecoverableError
from cloudify.state import current_ctx

from cloudify_scipion.operations import puppet
from cloudify_scipion.operations.beside import read_lock, read_modules, read_workflow, workflow_document
from tests.fakes.deployment import INSTALL, Deployment, services_from
from tests.unit.operations.test_boundary import modules, puppet_node

NAME = "given/by-its-author"
READERS: dict[str, Callable[[Path], object]] = {
    "workflow": lambda _: read_workflow(NAME),
    "lock": lambda _: read_lock(NAME),
    "modules": lambda _: read_modules(NAME),
}


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = 3
            packed.addfile(entry, io.BytesIO(b"abc"))
    return buffer.getvalue()


NOT_READ: dict[str, Exception] = {
    "there is no such file beside the blueprint": FileNotFoundError(2, "No such file or directory"),
    "there is no such file beside the blueprint ": HttpException("resources/x", 404, "Resource not found"),
    "it cannot be read: Permission denied": PermissionError(13, "Permission denied"),
    "it cannot be read: Is a directory": IsADirectoryError(21, "Is a directory"),
    "it cannot be read: embedded null byte": ValueError("embedded null byte"),
}
BROKEN: dict[str, tuple[tuple[bytes, str], ...]] = {
    "workflow": (
        (b"", "the file is empty"),
        (b"[{", "double quotes"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 2_000, "nested too deeply"),
        (b"{}", "a workflow is a list of protocols"),
        (b'["a"]', "a protocol is a mapping"),
    ),
    "lock": ((b"", "the file is empty"), (b"[", ""), (b"[]", ""), (b'{"format": 99}', "format 99 is not known")),
    "modules": (
        (b"", "no tar archive"),
        (b"no archive", "no tar archive"),
        (archive("mine/manifests/init.pp")[:-30], "not a whole one"),
        (archive("mine/a", "../outside"), "../outside leads out of the archive"),
        (archive("mine/a", "/etc/passwd"), "/etc/passwd leads out of the archive"),
        (archive("mine/a", "mine/../../b"), "mine/../../b leads out of the archive"),
        (archive("mine/a", "mine/a/b"), "mine/a leads out of the archive, or is a folder as well"),
        (archive("."), ". leads out of the archive, or is a folder as well"),
    ),
}


@pytest.fixture
def beside() -> Any:
    """Sets what Cloudify gives for a file beside the blueprint: its content, or an error."""

    def set_to(given: bytes | Exception) -> None:
        def get_resource(name: str) -> bytes:
            assert name == NAME
            if isinstance(given, Exception):
                raise given
            return given

        current_ctx.set(SimpleNamespace(get_resource=get_resource))

    return set_to


@pytest.mark.parametrize("kind", READERS)
def test_what_cannot_be_read_is_a_problem_of_that_file(beside: Any, tmp_path: Path, kind: str) -> None:
    for message, error in NOT_READ.items():
        beside(error)
        with pytest.raises(NonRecoverableError) as caught:
            READERS[kind](tmp_path)
        assert f"1 problem in the input:\n  {NAME}: $: {message.strip()}" in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [pytest.param(kind, *case, id=f"{kind}-{n}") for kind, cases in BROKEN.items() for n, case in enumerate(cases)],
)
def test_what_is_broken_is_a_problem_of_that_file(
    beside: Any, tmp_path: Path, kind: str, content: bytes, message: str
) -> None:
    beside(content)
    with pytest.raises(NonRecoverableError) as caught:
        READERS[kind](tmp_path)
    assert f"in the input:\n  {NAME}: $" in str(caught.value) and message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_what_is_right_is_read(beside: Any, tmp_path: Path) -> None:
    protocols = [{"object.className": "ProtA", "object.id": "1"}]
    beside(json.dumps(protocols).encode())
    assert read_workflow(NAME) == protocols == workflow_document(NAME).value
    beside(archive("mine/manifests/init.pp"))
    assert read_modules(NAME) == {"mine/manifests/init.pp": b"abc"}
    assert (read_workflow(""), read_lock(""), read_modules("")) == ([], "", {})


@pytest.mark.parametrize("content", [b"", b"[{", b"{}"])
def test_a_broken_workflow_stops_its_node_at_once(demo: Deployment, content: bytes) -> None:
    demo.run(INSTALL[:6])
    demo.workflow_file = content
    with pytest.raises(NonRecoverableError, match=r"workflow\.json: \$: "):
        demo.operation("scipion_project", "create")
    assert demo.world.clock.seconds == 0


def test_broken_modules_stop_their_node_at_once_and_change_nothing(demo: Deployment) -> None:
    demo.install()
    before = demo.world.record()
    context = puppet_node(demo, modules=NAME)
    for content in (b"", modules()[:-30], archive("../outside")):
        context.get_resource = lambda _, content=content: content
        with services_from(demo.world.services), pytest.raises(NonRecoverableError, match=NAME):
            puppet.create()
    assert demo.world.record() == before
