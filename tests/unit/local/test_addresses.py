"""Ports of the host that are reserved for projects."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.adapters.local import addresses
from cloudify_scipion.adapters.local.addresses import Ports, ports_of, reserve_ports
from cloudify_scipion.adapters.state import ProjectFolders
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.record import Binding, Record
from cloudify_scipion.project.schema import schema

NAMES = ("ssh", "desktop")


@pytest.fixture
def projects(tmp_path: Path) -> ProjectFolders:
    return ProjectFolders(tmp_path)


@pytest.fixture
def anything_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "port_is_free", lambda _: True)


def record(project: str = "p1") -> Record:
    return Record(project, Binding("i", "t", "d"))


def reserve(projects: ProjectFolders, project: str, names: Sequence[str], first: int, last: int) -> Mapping[str, int]:
    return reserve_ports(projects, Path(projects.place().root), record(project), names, Ports(first, last))


def test_ports_are_free_remembered_and_never_given_twice(projects: ProjectFolders, anything_free: None) -> None:
    for name in ("p1", "p2", "p3"):
        projects.save(record(name))
    first = reserve(projects, "p1", NAMES, 20000, 20005)
    second = reserve(projects, "p2", NAMES, 20000, 20005)
    assert (first, second) == ({"ssh": 20000, "desktop": 20001}, {"ssh": 20002, "desktop": 20003})
    assert reserve(projects, "p1", NAMES, 20000, 20005) == first
    loaded = projects.load("p1")
    assert loaded is not None
    assert loaded.ports == first
    projects.save(replace(loaded, ports={}))
    assert reserve(projects, "p3", NAMES, 20000, 20005) == first


def test_the_default_ports_are_those_of_the_schema() -> None:
    rules = schema("site")["properties"]["ports"]["properties"]
    assert ports_of({}) == Ports(rules["first"]["default"], rules["last"]["default"])
    assert ports_of({"ports": {"first": 2000.0, "last": 2001}}) == Ports(2000, 2001)


def test_no_free_port(projects: ProjectFolders, anything_free: None) -> None:
    projects.save(record("p1"))
    projects.save(record("p2"))
    reserve(projects, "p1", NAMES, 20000, 20002)
    with pytest.raises(PermanentError, match=r"no free port between 20000 and 20002 .*needed: 2") as caught:
        reserve(projects, "p2", NAMES, 20000, 20002)
    assert "site file" in caught.value.next_step
    loaded = projects.load("p2")
    assert loaded is not None
    assert loaded.ports == {}


def test_a_port_that_another_program_listens_on_is_left_out(projects: ProjectFolders) -> None:
    projects.save(record())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PermanentError, match="no free port"):
            reserve(projects, "p1", ("ssh",), port, port)
    assert reserve(projects, "p1", ("ssh",), port, port) == {"ssh": port}
