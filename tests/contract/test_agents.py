"""What `scipion-data status --json`, results and exit codes look like: of the real agent, and of the one in fakes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.agent import errors as agent_errors
from cloudify_scipion.agent.status import WORKS
from cloudify_scipion.errors import (
    DiskFull,
    GuardTripped,
    LeaseHeld,
    NotAllSaved,
    PermanentError,
    ReadOnlyDataSpace,
    TemporaryError,
)
from cloudify_scipion.lifecycle.agent import ERRORS, AgentStatus, Result, agent_status, error_of
from cloudify_scipion.lifecycle.facts import CommandResult
from tests.contract.agents import MAKERS, Agent

STATUS = {
    "work": str, "phase": str, "files_done": int, "files_total": int, "bytes_done": int, "bytes_total": int,
    "rate": (int, float), "seconds_left": (int, type(None)), "pulled": bool, "unsaved": int, "doubt": str,
    "saved": (str, type(None)), "scanned": (str, type(None)), "last": dict, "questions": list, "alarms": list,
    "seal": (dict, type(None)), "held": dict, "restored": list, "busy": list,
}  # fmt: skip
RESULT = {
    "work": str, "ok": bool, "code": int, "at": str, "message": str, "next": str, "facts": dict,
    "seconds": (int, float), "run": str,
}  # fmt: skip
PULLED = {"files": int, "bytes": int, "conflicts": int, "lost": int}
FACTS = {
    "pull": PULLED,
    "scan": PULLED,
    "push": {
        "files": int, "bytes": int, "deleted": int, "moved": int, "busy": int, "held": int, "conflicts": int,
        "special": list,
    },
    "verify": {"files": int, "bytes": int},
    "seal": {
        "project": str, "volume": str, "generation": int, "manifest": str, "files": int, "bytes": int, "at": str,
        "special": int, "version": int, "algorithm": str, "restore": dict,
    },
}  # fmt: skip


@pytest.fixture(params=MAKERS)
def agent(request: pytest.FixtureRequest, tmp_path: Path) -> Agent:
    return MAKERS[request.param](tmp_path)


@pytest.fixture
def pulled(agent: Agent) -> Agent:
    agent.web("raw", b"facility")
    assert agent.run("pull") == 0
    return agent


class Shell:
    """The port Shell, by which the host asks an agent for its status."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def run(
        self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 60.0, expect: Sequence[int] = (0,)
    ) -> CommandResult:
        assert list(argv[1:]) == ["status", "--json"]
        return CommandResult(0, json.dumps(self._agent.status()), "")

    def stream(self, argv: Sequence[str], on_line: Callable[[str], None], timeout: float) -> CommandResult:
        raise AssertionError("nothing is streamed")

    def wait_until_ready(self, deadline: float) -> None:
        """It is."""


def fits(told: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert set(told) == set(wanted)
    for name, kinds in wanted.items():
        assert isinstance(told[name], kinds), name


def last(agent: Agent, work: str) -> Result:
    return agent_status(Shell(agent)).last[work]


def test_a_new_agent(agent: Agent) -> None:
    told = agent.status()
    fits(told, STATUS)
    assert (told["pulled"], told["unsaved"], told["saved"], told["last"], told["seal"]) == (False, 0, None, {}, None)
    assert told["doubt"] == "the first pull is not complete"


def test_every_work_that_succeeds(pulled: Agent) -> None:
    pulled.write("mine", b"results")
    for work in ("push", "scan", "verify", "seal"):
        if work == "seal":
            pulled.close()
        assert pulled.run(work) == 0, work
    told = pulled.status()
    fits(told, STATUS)
    assert set(told["last"]) == set(WORKS) == set(FACTS)
    for work, result in told["last"].items():
        fits(result, RESULT)
        fits(result["facts"], FACTS[work])
        assert (result["work"], result["ok"], result["code"]) == (work, True, 0)
        assert (result["message"], result["next"]) == ("", "")
        assert datetime.fromisoformat(result["at"]).tzinfo is not None
    assert len({result["run"] for result in told["last"].values()}) == len(WORKS)
    assert told["seal"] == told["last"]["seal"]["facts"]
    assert told["pulled"] and told["doubt"] == "" and told["unsaved"] == 0 and told["saved"]
    assert pulled.saved() == {"raw": b"facility", "mine": b"results"}


def test_the_host_reads_all_of_it_that_it_knows(pulled: Agent) -> None:
    told, status = pulled.status(), agent_status(Shell(pulled))
    assert set(AgentStatus.__dataclass_fields__) <= set(STATUS) and set(Result.__dataclass_fields__) <= set(RESULT)
    for name in set(AgentStatus.__dataclass_fields__) - {"last"}:
        assert getattr(status, name) == told[name]
    assert status.last["pull"].at == told["last"]["pull"]["at"]


def test_counts(pulled: Agent) -> None:
    assert last(pulled, "pull").facts["files"] == 1 and last(pulled, "pull").facts["bytes"] == 8
    pulled.write("mine", b"results")
    pulled.delete("raw")
    assert pulled.run("push") == 0
    facts = last(pulled, "push").facts
    assert (facts["files"], facts["bytes"], facts["deleted"]) == (1, 7, 1)
    assert pulled.run("verify") == 0
    assert last(pulled, "verify").facts == {"files": 1, "bytes": 7}


def no_pull(agent: Agent) -> str:
    return "push"


def lost_space(agent: Agent) -> str:
    assert agent.run("pull") == 0
    agent.lose_space()
    return "push"


def other_volume(agent: Agent) -> str:
    assert agent.run("pull") == 0
    agent.change_volume()
    return "push"


def others_space(agent: Agent) -> str:
    agent.take_space()
    return "pull"


def refused_file(agent: Agent) -> str:
    assert agent.run("pull") == 0
    agent.write_what_is_refused()
    return "push"


def rotten(agent: Agent) -> str:
    agent.write("mine", b"results")
    assert agent.run("pull") == 0 and agent.run("push") == 0
    agent.rot("mine")
    return "verify"


def writable(agent: Agent) -> str:
    assert agent.run("pull") == 0
    return "seal"


FAILURES: dict[Callable[[Agent], str], tuple[int, type[Exception]]] = {
    no_pull: (1, PermanentError), lost_space: (4, GuardTripped), other_volume: (4, GuardTripped),
    others_space: (3, LeaseHeld), refused_file: (6, NotAllSaved), rotten: (6, NotAllSaved), writable: (4, GuardTripped),
}  # fmt: skip


@pytest.mark.parametrize("harm", FAILURES, ids=lambda harm: harm.__name__)
def test_a_failure_is_told_with_its_code_and_what_to_do(agent: Agent, harm: Callable[[Agent], str]) -> None:
    code, kind = FAILURES[harm]
    work = harm(agent)
    assert agent.run(work) == code
    told = agent.status()
    fits(told, STATUS)
    fits(told["last"][work], RESULT)
    result = last(agent, work)
    assert (result.ok, result.code) == (False, code)
    assert result.message and "done" not in result.message and "\n" not in result.message
    error = error_of(result)
    assert type(error) is kind and error.what == f"{work}: {result.message}" and error.next_step == result.next
    if work != "pull":
        assert told["doubt"]
    assert not agent.is_sealed()


def test_a_failed_push_leaves_doubt_until_one_succeeds(pulled: Agent) -> None:
    name = pulled.write_what_is_refused()
    pulled.write("mine", b"results")
    assert pulled.run("push") == 6
    assert pulled.status()["doubt"] == "the last push did not succeed"
    assert pulled.saved()["mine"] == b"results"
    assert name in last(pulled, "push").message
    pulled.delete(name)


def test_what_rots_is_counted_as_unsaved_and_named(pulled: Agent) -> None:
    pulled.write("mine", b"results")
    assert pulled.run("push") == 0
    pulled.rot("mine")
    assert pulled.run("verify") == 6
    assert pulled.status()["unsaved"] == 1 and "mine" in last(pulled, "verify").message


def test_the_codes_of_the_agents_errors_are_those_that_the_host_knows() -> None:
    """One table: agent/errors.py says the code, lifecycle/agent.py the error that it stands for."""
    named: dict[type[agent_errors.AgentError], type[Exception]] = {
        agent_errors.AgentError: PermanentError, agent_errors.WrongUse: PermanentError,
        agent_errors.LeaseForeign: LeaseHeld, agent_errors.LeaseGone: LeaseHeld,
        agent_errors.GuardFailed: GuardTripped, agent_errors.NoRoom: DiskFull, agent_errors.Unsaved: NotAllSaved,
        agent_errors.ReadOnlySpace: ReadOnlyDataSpace, agent_errors.Temporary: TemporaryError,
        agent_errors.LeaseUnseen: TemporaryError, agent_errors.LeaseStale: TemporaryError,
    }  # fmt: skip
    found = {kind for kind in vars(agent_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert found == set(named)
    for kind, wanted in named.items():
        assert type(error_of(Result("push", False, kind.code, "", "what", "next"))) is wanted
    assert set(ERRORS) == {kind.code for kind in named} - {1, 2, 75}
