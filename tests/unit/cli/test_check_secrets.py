"""What `check` says of the secrets that data need."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cloudify_scipion.cli.main import main
from tests.unit.project.test_tokens import macaroon, url

SPACE = """
name: here
provider: local
data_spaces:
  facility:
    kind: onedata
    provider: oneprovider.example.org
    token: of-the-site
    repository:
      {url: "https://p.example.org/apt", suite: b, version: "1", key: "-----BEGIN PGP PUBLIC KEY BLOCK-----\\n",
       fingerprint: 0123456789ABCDEF0123456789ABCDEF01234567}
"""
DATA = {"project": {"source": "facility:p"}, "datasets": [{"source": "facility:raw", "mount": "/data/raw"}]}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLOUDIFY_SCIPION_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "state/secrets").mkdir(parents=True)
    Path("s.yaml").write_text(SPACE)
    return tmp_path / "state"


def check(**secrets: str) -> Result:
    project = {"id": "p1", "title": "P", "software": {"scipion": "3.8.3"}, "volume": {"size_gb": 1}, "data": DATA}
    Path("p.json").write_text(json.dumps(project | ({"secrets": secrets} if secrets else {})))
    return CliRunner().invoke(main, ["check", "p.json", "--site", "s.yaml"])


def know(state: Path, name: str, value: str) -> None:
    (state / "secrets" / name).write_text(value)
    (state / "secrets" / name).chmod(0o600)


def test_a_secret_that_is_not_known_here() -> None:
    result = check()
    assert result.exit_code == 0
    assert result.stdout.count("needs the secret of-the-site, which is not known here: put it into") == 1


@pytest.mark.parametrize("name", ["of-the-site", "p1.mine"])
def test_a_known_secret(state: Path, name: str) -> None:
    know(state, name, "no macaroon")
    result = check(**({"onedata_token": name} if name == "p1.mine" else {}))
    assert f"note: the data space facility needs the secret {name}, which is known here" in result.stdout


@pytest.mark.parametrize("name", ["of-the-site", "p1.mine"])
def test_a_token_that_ends_before_the_project(state: Path, name: str) -> None:
    token = url(macaroon("time < 1000000000"))
    know(state, name, token)
    result = check(**({"onedata_token": name} if name == "p1.mine" else {}))
    path = "$.secrets.onedata_token" if name == "p1.mine" else "$.data_spaces.facility.token"
    assert result.exit_code == 2
    assert path in result.stderr
    assert "before the project does" in result.stderr
    assert token not in result.output
