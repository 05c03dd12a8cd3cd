"""`answer` and `trash restore`: wishes go through a folder that the user may write to; the next work takes them."""

from __future__ import annotations

import argparse
import json
import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from cloudify_scipion.agent import status, trash_list
from cloudify_scipion.agent.config import Config, load_config
from cloudify_scipion.agent.errors import WrongUse
from cloudify_scipion.agent.plan.names import readable
from cloudify_scipion.agent.work.trash.bring_back import want_back
from cloudify_scipion.agent.work.world import World

MAX_REQUEST = 1000
"""Bytes: a name in the trash is shorter."""


def answer(given: argparse.Namespace) -> int:
    """The command. Raises WrongUse for what nobody asks."""
    config = load_config(given.config)
    known = {question["id"]: question for question in status.document(config)["questions"]}
    asked = known.get(given.id)
    if asked is None or given.word not in asked["answers"]:
        raise WrongUse(f"nobody asks {given.id!r} with the answer {given.word!r}", "see: scipion-data status")
    request(config.run / "requests", f"answer-{given.id}", f"{given.word} {asked.get('number', 0)}")
    request(config.run / "requests", "push", "")
    return 0


def request(folder: Path, name: str, text: str) -> None:
    """Root asks through a folder in which the user may have put links."""
    part = folder / f".{os.urandom(8).hex()}"
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(fd, "wb") as stream:
        stream.write(os.fsencode(text))
    part.rename(folder / name)


def take_answers(config: Config, world: World) -> None:
    """Let the index know what was answered since the last work."""
    folder, taken = config.run / "requests", []
    for name in sorted(os.listdir(folder)) if folder.is_dir() else []:  # noqa: PTH208 - names
        found = re.fullmatch(r"answer-([a-z]+)", name)
        if found and (words := _small_file(folder / name).split()):
            number = int(words[1]) if len(words) > 1 and words[1].isdigit() else None  # of the question as it was seen
            if world.index.people.answer(found[1], words[0], number):
                world.tell(f"answer to {found[1]}: {words[0]}")
        wish = re.fullmatch(r"restore-[0-9a-z]+", name)
        if wish:
            want_back(world, _small_file(folder / name))
        if found or wish or name == "push":
            taken.append(folder / name)
    world.commit_and_tell()  # before they go: whoever is killed in between takes them again
    for request_file in taken:
        with suppress(OSError):
            request_file.unlink()


def _small_file(path: Path) -> str:
    """The beginning of what a user has written, empty if that is no plain file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        plain = stat.S_ISREG(os.fstat(fd).st_mode)
        return os.read(fd, MAX_REQUEST).decode(errors="surrogateescape").strip("\n") if plain else ""
    finally:
        os.close(fd)


def restore_trash(given: argparse.Namespace) -> int:
    """Have a version brought back by the next save, which starts now. Raises WrongUse for what is not there."""
    config = load_config(given.config)
    versions, _ = trash_list.read_list(config)
    found = trash_list.chosen(versions, given.name, given.version, config.user_path)
    if found is None:
        raise WrongUse(f"nothing in the trash is {given.name!r}", "see: scipion-data trash list")
    folder = config.run / "requests"
    request(folder, f"restore-{os.urandom(6).hex()}", found["name"])
    request(folder, "push", "")
    told = f"{readable(found['path'])} of {found['at'] or 'earlier'} comes back with the save that begins now"
    print(json.dumps(found, indent=1) if given.json else f"{told}; see: scipion-data status")
    return 0
