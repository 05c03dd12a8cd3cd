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
from contextlib import contextmanager
from typing import Any

from cloudify_scipion.agent import status
from cloudify_scipion.agent.commands.answer import take_answers
from cloudify_scipion.agent.commands.opening import INDEX, is_damage, make_world, open_index, put_aside
from cloudify_scipion.agent.commands.works import WORKS
from cloudify_scipion.agent.config import Config, load_config
from cloudify_scipion.agent.errors import AgentError, GuardFailed, Temporary
from cloudify_scipion.agent.ports.clock import Clock
from cloudify_scipion.agent.work import seal


def run(given: argparse.Namespace) -> int:
    """The command. Raises what the work has failed by."""
    config, began = load_config(given.config), time.monotonic()
    with _alone(config), _modes_as_asked():
        facts, failure = _attempt(config, given.work)
        try:
            _keep_result(config, given.work, failure, facts, time.monotonic() - began)
        except (OSError, sqlite3.Error) as error:
            failure = failure or Temporary(f"the result of {given.work} cannot be kept: {error}", "make room")
    if failure:
        raise failure
    return 0


@contextmanager
def _alone(config: Config) -> Iterator[None]:
    """One work at a time; others wait."""
    try:
        for folder in ("tmp", "results"):
            (config.state / folder).mkdir(mode=0o700, exist_ok=True)
        lock = os.open(config.state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise GuardFailed(
            f"the agent's folder {config.state} cannot be used: {error.strerror}", "repair the project"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


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
        if name != "seal":
            seal.unseal(world)
        return WORKS[name](world)
    finally:
        index.close()


def _failure_of(config: Config, work: str, error: Exception) -> AgentError:
    if isinstance(error, sqlite3.Error) and is_damage(error):
        put_aside(config)
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
        part = config.state / "results" / f"{work}.part"
        part.write_text(json.dumps(result))
        part.rename(part.with_suffix(".json"))
    finally:  # a full volume must not hide how it ended
        status.write_summary(config, {work: result})
    (config.run / status.PROGRESS).unlink(missing_ok=True)
