from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudify.workflows import local

from cloudify_scipion.adapters.local import addresses
from tests.fakes.world import World
from tests.workflows.engine import Engine

_PLANS: dict[bytes, bytes] = {}


def parsed_once(parse: Callable[..., Any]) -> Callable[..., Any]:
    """Cloudify's parser, which takes half a second, asked once for each blueprint and what it imports."""

    def parsed(dsl_file_path: str, **options: Any) -> Any:
        files = sorted(Path(dsl_file_path).parent.rglob("*.yaml"))
        key = b"".join(path.read_bytes() for path in files if path.name != "inputs.yaml")
        if key not in _PLANS:
            _PLANS[key] = pickle.dumps(parse(dsl_file_path=dsl_file_path, **options))
        return pickle.loads(_PLANS[key])

    return parsed


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(addresses, "port_is_free", lambda _: True)
    monkeypatch.setenv("CFY_WORKDIR", str(tmp_path / "cfy"))
    monkeypatch.setattr(local.dsl_parser, "parse_from_path", parsed_once(local.dsl_parser.parse_from_path))
    world = World(tmp_path / "state")
    yield Engine(world, tmp_path)
    world.close()


@pytest.fixture
def cause(capsys: pytest.CaptureFixture[str]) -> Callable[[Callable[[], object]], str]:
    """Runs an execution that must fail; what its events say (Cloudify's own error has no cause in it)."""

    def fail(act: Callable[[], object]) -> str:
        capsys.readouterr()
        with pytest.raises(RuntimeError):
            act()
        return capsys.readouterr().out

    return fail
