"""`run`: a work in this process, one at a time, whose result is kept whatever becomes of it."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sqlite3
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cloudify_scipion.agent import status
from cloudify_scipion.agent.commands.answer import take_answers
from cloudify_scipion.agent.commands.opening import is_damage, make_world, open_index, put_aside
from cloudify_scipion.agent.commands.works import WORKS
from cloudify_scipion.agent.config import Config, load_config
from cloudify_scipion.agent.errors import AgentError, GuardFailed, Temporary
from cloudify_scipion.agent.ports.clock import Clock
from cloudify_scipion.agent.ports.index import INDEX
from cloudify_scipion.agent.work.seal import seal
from cloudify_scipion.agent.work.world import World

_LOOK = "the operator looks at the volume and its room; it is tried again by itself"


def run(given: argparse.Namespace) -> int:
    """The command. Raises what the work has failed by."""
    config, began = load_config(given.config), time.monotonic()
    with _alone(config), _modes_as_asked():
        facts, failure = _attempt(config, given.work)
        try:
            _keep_result(config, given.work, failure, facts, time.monotonic() - began)
        except (OSError, sqlite3.Error) as error:
            failure = failure or Temporary(f"the result of {given.work} cannot be kept: {error}", _LOOK)
    if failure:
        raise failure
    return 0


@contextmanager
def _alone(config: Config) -> Iterator[None]:
    """One work at a time; others wait."""
    path = config.state / "lock"
    try:
        lock = _locked(path)
    except OSError as error:
        raise GuardFailed(
            f"the agent's folder {config.state} cannot be used: {path}: {error.strerror}", "repair the project"
        ) from error
    for folder in ("tmp", "results"):
        with suppress(OSError):  # who needs it names it
            (config.state / folder).mkdir(mode=0o700, exist_ok=True)
    try:
        yield
    finally:
        with suppress(OSError):
            os.close(lock)


def _locked(path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    except BaseException:
        os.close(lock)
        raise
    return lock


@contextmanager
def _modes_as_asked() -> Iterator[None]:
    """New files get the modes that are asked for."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def _attempt(config: Config, name: str) -> tuple[dict[str, Any], AgentError | None]:
    try:
        return _work(config, name), None
    except AgentError as error:
        return {}, error
    except Exception as error:  # noqa: BLE001 - whatever it is, it must be told
        return {}, _failure_of(config, name, error)


def _work(config: Config, name: str) -> dict[str, Any]:
    index = open_index(config)
    try:
        world = make_world(config, index, name)
        take_answers(config, world)
        stale = None if name == "seal" else _seal_that_stays(world)
        facts = WORKS[name](world)
        if stale:
            raise stale
        return facts
    finally:
        index.close()


def _seal_that_stays(world: World) -> AgentError | None:
    """What to say of a seal that cannot be taken away; all the rest is done first."""
    try:
        seal.unseal(world)
    except AgentError as error:
        return error
    return None


def _failure_of(config: Config, work: str, error: Exception) -> AgentError:
    if isinstance(error, sqlite3.Error) and is_damage(error):
        try:
            put_aside(config)
        except AgentError as failed:
            return failed
        return AgentError("the index was damaged, and is put aside", "the next save makes it anew, by content")
    if isinstance(error, sqlite3.Error):
        return Temporary(f"{work} failed: the index {config.state / INDEX}: {error}", "it is tried again by itself")
    if isinstance(error, OSError):
        return Temporary(f"{work} failed: {error}", "it is tried again by itself")
    traceback.print_exception(error)
    return AgentError(f"{work} failed by an error of the agent: {error!r}", "report it; it is tried again by itself")


def _keep_result(config: Config, work: str, failure: AgentError | None, facts: dict[str, Any], seconds: float) -> None:
    result = {
        "work": work, "ok": failure is None, "code": failure.code if failure else 0, "at": Clock().iso(),
        "message": failure.what if failure else "", "next": failure.next_step if failure else "", "facts": facts,
        "seconds": round(seconds, 1), "run": os.environ.get("INVOCATION_ID") or os.urandom(16).hex(),
    }  # fmt: skip
    try:
        _put_result(config.state / "results" / f"{work}.json", result)
    finally:  # a full volume must not hide how it ended
        status.write_summary(config, {work: result})
    (config.run / status.PROGRESS).unlink(missing_ok=True)


def _put_result(path: Path, result: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    try:
        part.write_text(json.dumps(result))
        part.rename(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
