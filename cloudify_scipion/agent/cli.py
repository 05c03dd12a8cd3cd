"""The command `scipion-data`: what units run, and what people ask for."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cloudify_scipion.agent import status
from cloudify_scipion.agent.config import FILE, Config, load_config
from cloudify_scipion.agent.errors import AgentError, GuardFailed, Temporary, Unsaved, WrongUse
from cloudify_scipion.agent.plan.names import readable
from cloudify_scipion.agent.ports.clock import Clock
from cloudify_scipion.agent.ports.index import Index
from cloudify_scipion.agent.ports.mount import is_mount, is_mounted
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work import health, lease, push, remote, seal, verify
from cloudify_scipion.agent.work.world import Progress, World, closing_index

UNIT = "scipion-data@{}.service"
INDEX = "index.sqlite"
PULLED = "pulled"
"""For systemd: with this file the timers have something to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        return int(given.do(given))
    except AgentError as error:
        print(error.what + (f"\n  next: {error.next_step}" if error.next_step else ""), file=sys.stderr)
        return error.code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scipion-data", description="Keeps the working copy and the data space the same."
    )
    parser.add_argument("--config", type=Path, default=FILE, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="do a work in this process (for systemd)")
    run.add_argument("work", choices=status.WORKS)
    run.set_defaults(do=_run)
    for work in status.WORKS:
        asked = commands.add_parser(work, help=f"start {work} and follow it")
        asked.set_defaults(do=_follow, work=work)
    told = commands.add_parser("status", help="what is saved, and what goes on")
    told.add_argument("--json", action="store_true")
    told.set_defaults(do=_status)
    well = commands.add_parser("health", help="whether the mounts answer")
    well.add_argument("--space", default="")
    well.add_argument("--dataset", action="append", default=[])
    well.set_defaults(do=_health)
    log = commands.add_parser("log", help="what happened")
    log.set_defaults(do=_log)
    answer = commands.add_parser("answer", help="answer a question")
    answer.add_argument("id")
    answer.add_argument("word")
    answer.set_defaults(do=_answer)
    return parser


# works


def _run(given: argparse.Namespace) -> int:
    config = load_config(given.config)
    began, facts, failure = time.monotonic(), dict[str, Any](), None
    with _alone(config), _modes_as_asked():
        try:
            facts = _work(config, given.work)
        except AgentError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - whatever it is, it must be told
            failure = _failure_of(config, given.work, error)
        try:
            _keep_result(config, given.work, failure, facts, time.monotonic() - began)
        except (OSError, sqlite3.Error) as error:
            failure = failure or Temporary(f"the result of {given.work} cannot be kept: {error}", "make room")
    if failure:
        raise failure
    return 0


@contextmanager
def _modes_as_asked() -> Iterator[None]:
    """New files get the modes that are asked for."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def _failure_of(config: Config, work: str, error: Exception) -> AgentError:
    if isinstance(error, sqlite3.Error) and _is_damage(error):
        _put_aside(config)
        return AgentError("the index was damaged, and is put aside", "repair the project: it is made anew by a pull")
    if isinstance(error, OSError | sqlite3.Error):
        return Temporary(f"{work} failed: {error}", "it is tried again by itself")
    traceback.print_exception(error)
    return AgentError(f"{work} failed by an error of the agent: {error!r}", "report it; it is tried again by itself")


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


def _work(config: Config, name: str) -> dict[str, Any]:
    index = open_index(config)
    try:
        world = make_world(config, index, name)
        _take_answers(config, world)
        if name != "seal":
            seal.unseal(world)
        return _WORKS[name](world)
    finally:
        index.close()


def make_world(config: Config, index: Index, name: str) -> World:
    """All ports for a work. Raises GuardFailed where a folder is not there."""
    try:
        tree, state, space = Tree(str(config.tree)), Tree(str(config.state)), Tree(str(config.space))
    except OSError as error:
        raise GuardFailed(f"{error.filename} is not there: {error.strerror}", "repair the project") from error
    if config.mounted and not is_mount(space.folder(b"").fd, config.space):
        raise GuardFailed(f"the data space is not mounted at {config.space}", "repair the project")
    world = World(config, tree, state, space, index, Clock(), Progress(config.run / status.PROGRESS, name))
    world.beat = lambda: lease.beat_when_due(world)
    return world


def open_index(config: Config) -> Index:
    """The index; one that is damaged is put aside, since everything can be compared again by content."""
    path = config.state / INDEX
    try:
        return Index(path)
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise
        _put_aside(config)
        return Index(path)


def _is_damage(error: sqlite3.Error) -> bool:
    """Not a full disk, or one that cannot be read now."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _put_aside(config: Config) -> None:
    path = config.state / INDEX
    for end in ("", "-wal", "-shm"):
        damaged = path.with_name(path.name + end)
        if damaged.exists():
            damaged.rename(path.with_name(f"damaged{end}-{time.time_ns()}"))


def _push(world: World) -> dict[str, Any]:
    result = push.push(world)
    return {"files": result.files, "bytes": result.size, "deleted": result.deleted, "moved": result.moved,
            "busy": result.busy, "held": result.held, "conflicts": result.conflicts,
            "special": [readable(os.fsdecode(path)) for path in result.special]}  # fmt: skip


def _pull(world: World) -> dict[str, Any]:
    result = remote.pull(world)
    (world.config.state / PULLED).touch()
    return {"files": result.files, "bytes": result.size, "conflicts": result.conflicts, "lost": result.lost}


def _scan(world: World) -> dict[str, Any]:
    push.ready(world)
    result = remote.scan(world)
    return {"files": result.files, "bytes": result.size, "conflicts": result.conflicts, "lost": result.lost}


def _verify(world: World) -> dict[str, Any]:
    push.ready(world)
    lease.renew(world)
    result = verify.verify(world)
    if result.wrong:
        shown = "; ".join(f"{os.fsdecode(path)}: {reason}" for path, reason in result.wrong[:10])
        raise Unsaved(f"{len(result.wrong)} files are not in the data space as they are here: {shown}", "push again")
    return {"files": result.files, "bytes": result.size}


def _seal(world: World) -> dict[str, Any]:
    push.ready(world)
    return asdict(seal.seal(world))


def _release(world: World) -> dict[str, Any]:
    lease.release(world)
    return {}


_WORKS: dict[str, Callable[[World], dict[str, Any]]] = {
    "pull": _pull, "push": _push, "scan": _scan, "verify": _verify, "seal": _seal, "release": _release,
}  # fmt: skip


def _keep_result(config: Config, work: str, failure: AgentError | None, facts: dict[str, Any], seconds: float) -> None:
    result = {
        "work": work, "ok": failure is None, "code": failure.code if failure else 0, "at": Clock().iso(),
        "message": failure.what if failure else "", "next": failure.next_step if failure else "", "facts": facts,
        "seconds": round(seconds, 1), "run": os.environ.get("INVOCATION_ID") or os.urandom(16).hex(),
    }  # fmt: skip
    part = config.state / "results" / f"{work}.part"
    part.write_text(json.dumps(result))
    part.rename(part.with_suffix(".json"))
    status.write_summary(config)
    (config.run / status.PROGRESS).unlink(missing_ok=True)


# people


def _status(given: argparse.Namespace) -> int:
    found = status.document(load_config(given.config))
    print(json.dumps(found, indent=1) if given.json else "\n".join(status.lines(found)))
    return 0


def _health(given: argparse.Namespace) -> int:
    if given.dataset and not given.space and not given.config.exists():  # a project that has datasets alone
        found = health.problems("", given.dataset)
        print("\n".join(found))
        return 1 if found else 0
    config = load_config(given.config)
    space = given.space or str(config.space)
    found = [f"{space} is not mounted"] if config.mounted and not is_mounted(Path(space)) else []
    # Before the first pull nobody knows what is there, and whoever may not look cannot ask.
    asks = not found and os.path.exists(config.state / PULLED)  # noqa: PTH110 - no error for those
    found += health.problems(space if asks else "", given.dataset, second=config.verify if asks else "")
    print("\n".join(found))
    return 1 if found else 0


def _log(given: argparse.Namespace) -> int:
    config = load_config(given.config)
    try:
        if (config.state / INDEX).exists():
            with closing_index(Index(config.state / INDEX)) as index:
                for at, kind, text in index.events():
                    print(f"{at} {kind:<6} {text}")
    except (OSError, sqlite3.Error) as error:
        raise WrongUse(
            f"the log cannot be read: {error}", "ask root for it; scipion-data status shows the alarms to everybody"
        ) from error
    return 0


def _answer(given: argparse.Namespace) -> int:
    """Answers go through a folder that the user may write to; the next work takes them."""
    config = load_config(given.config)
    known = {question["id"]: question["answers"] for question in status.document(config)["questions"]}
    if given.word not in known.get(given.id, []):
        raise WrongUse(f"nobody asks {given.id!r} with the answer {given.word!r}", "see: scipion-data status")
    _request(config.run / "requests", f"answer-{given.id}", given.word)
    _request(config.run / "requests", "push", "")
    return 0


def _request(folder: Path, name: str, text: str) -> None:
    """Root asks through a folder in which the user may have put links."""
    part = folder / f".{os.urandom(8).hex()}"
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(fd, "w") as stream:
        stream.write(text)
    part.rename(folder / name)


def _take_answers(config: Config, world: World) -> None:
    folder = config.run / "requests"
    for name in sorted(os.listdir(folder)) if folder.is_dir() else []:  # noqa: PTH208 - names
        found = re.fullmatch(r"answer-([a-z]+)", name)
        if found and world.index.answer(found[1], word := _small_file(folder / name)):
            world.tell(f"answer to {found[1]}: {word}")
        if found or name == "push":
            with suppress(OSError):
                (folder / name).unlink()
    world.keep()


def _small_file(path: Path) -> str:
    """The beginning of what a user has written, empty if that is no plain file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        plain = stat.S_ISREG(os.fstat(fd).st_mode)
        return os.read(fd, 100).decode(errors="replace").strip() if plain else ""
    finally:
        os.close(fd)


def _follow(given: argparse.Namespace) -> int:
    """Start the unit of a work and show its progress until it ends."""
    unit, config = UNIT.format(given.work), load_config(given.config)
    subprocess.run(["systemctl", "start", "--no-block", unit], check=True)
    said = ""
    while _property(unit, "ActiveState") in ("active", "activating"):
        found = status.document(config)
        line = status.lines(found)[0] if found["work"] else ""
        if line and line != said:
            print(line, flush=True)
            said = line
        time.sleep(1)
    last = status.document(config)["last"].get(given.work, {})
    if last.get("message"):
        print(last["message"] + (f"\n  next: {last['next']}" if last["next"] else ""), file=sys.stderr)
    return int(_property(unit, "ExecMainStatus") or 1)


def _property(unit: str, name: str) -> str:
    return subprocess.run(
        ["systemctl", "show", "-p", name, "--value", unit], check=True, capture_output=True, text=True
    ).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
