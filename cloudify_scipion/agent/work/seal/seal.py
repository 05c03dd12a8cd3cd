"""The seal: proof, written after the last writer is gone, that the data space holds everything the volume holds."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field

from cloudify_scipion.agent.errors import GuardFailed, NoRoom, Temporary, Unsaved, first_of
from cloudify_scipion.agent.plan.digests import FIRST, algorithm_of
from cloudify_scipion.agent.plan.names import RESERVED, joined
from cloudify_scipion.agent.ports.whole_files import write_new
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.lease.heartbeat import holders
from cloudify_scipion.agent.work.manifest.write import begin_anew, get_head
from cloudify_scipion.agent.work.pull.list_space import forget_listing
from cloudify_scipion.agent.work.pull.pull import scan as scan_space
from cloudify_scipion.agent.work.push.find_changes import scan as scan_tree
from cloudify_scipion.agent.work.push.push import push
from cloudify_scipion.agent.work.questions import DELETIONS, DESTROYED
from cloudify_scipion.agent.work.seal.compare import Proven
from cloudify_scipion.agent.work.seal.prove_restore import new_trial, prove
from cloudify_scipion.agent.work.seal.verify import verify
from cloudify_scipion.agent.work.space.check import writing
from cloudify_scipion.agent.work.world import World

NAME = "seal.json"
REMOTE = joined(RESERVED, b"seal.json")
ROUNDS = 3


@dataclass(frozen=True)
class Seal:
    """What was proven. `manifest` is the digest of the last segment, made by `algorithm`; `special` counts pipes,
    sockets and devices."""

    project: str
    volume: str
    generation: int
    manifest: str
    files: int
    bytes: int
    at: str
    special: int = 0
    version: int = 1
    algorithm: str = FIRST
    restore: dict[str, int] = field(default_factory=dict)
    """How many files, folders, links and databases a new machine would get just as they are here."""


def seal(world: World) -> Seal:
    """Push, compare every byte through another path, and only then write the seal. Gives the lease back.

    Raises AgentError while anybody could still write, and Unsaved with what the data space does not hold.
    """
    _must_be_read_only(world)
    unseal(world)
    if not holders(world):
        lease.acquire(world)  # an earlier seal has given it back
    _answers_are_awaited_no_longer(world)
    for turn in range(ROUNDS):
        if turn == 0:
            forget_listing(world)  # that of a killed look is of another time
            _scan(world)
        result = push(world, everything=True, final=True)
        _must_be_nothing_to_ask(world)
        wrong, proven = _compare(world)
        if not wrong and not proven.wrong:
            break
    else:
        raise _not_proven(wrong, proven)
    _must_be_complete(world)
    lease.confirm(world)
    files, size = world.index.files.totals()
    manifest = get_head(world.index).digest
    made = Seal(
        world.config.project, world.config.volume, world.config.generation, manifest, files, size, world.clock.iso(),
        len(result.special), algorithm=algorithm_of(manifest), restore=proven.counts(),
    )  # fmt: skip
    _write(world, made)
    return made


def _compare(world: World) -> tuple[list[tuple[bytes, str]], Proven]:
    """What the data space does not hold, and what a new machine would not get as it is here: both are saved again."""
    with new_trial(world) as trial:
        wrong, proven = verify(world, trial).wrong, Proven()
        if not wrong:
            _must_be_complete(world)
            proven = prove(world, trial)
    if wrong:
        world.tell(f"{len(wrong)} files are not in the data space as they are here: saving them again", "alarm")
    if proven.wrong:
        world.tell(f"a new machine would not get all as it is here: {first_of(proven.wrong)}", "alarm")
        begin_anew(world)  # the manifest is written again as a whole
    elif proven.more:
        world.tell(f"the data space holds {proven.more} files more than are here")
    world.commit_and_tell()
    return wrong, proven


def _not_proven(wrong: list[tuple[bytes, str]], proven: Proven) -> Unsaved:
    next_step = "the volume is kept; the operator looks at the data space"
    if wrong:
        return Unsaved(
            f"{len(wrong)} files are not in the data space, though they were written {ROUNDS} times: {first_of(wrong)}",
            next_step,
        )
    return Unsaved(
        f"a new machine would not get {len(proven.wrong)} files or folders as they are here: {first_of(proven.wrong)}",
        next_step,
    )


def unseal(world: World) -> None:
    """Whatever was proven, from now on it may be otherwise. Raises Temporary."""
    path = world.config.state / NAME
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise Temporary(
            f"the seal {path} cannot be taken away, and does not count any more: {error.strerror}",
            "the operator looks at the volume; it is tried again by itself",
        ) from error


def _must_be_read_only(world: World) -> None:
    if not world.is_closed(world):
        raise GuardFailed(
            f"{world.config.user_path} is writable: somebody could still change it",
            "seal through cloudify-scipion save",
        )


def _answers_are_awaited_no_longer(world: World) -> None:
    """Nobody answers on a desktop that is gone: held deletions stay held, the rest is saved as it is."""
    if any(question["id"] == DESTROYED for question in world.index.people.questions()):
        world.index.people.answer(DESTROYED, "save")
        world.tell(
            "files that were empty or zeros after a crash are saved as they are; the earlier content is in the trash"
        )
        world.commit_and_tell()


def _must_be_nothing_to_ask(world: World) -> None:
    """What a crash has emptied, and no push has seen before, is asked about first. Raises Unsaved naming it."""
    found = [os.fsdecode(path) for path, _ in world.index.people.waiting(DESTROYED, limit=10)]
    if found:
        raise Unsaved(
            f"{world.index.people.waiting_totals(DESTROYED)[0]} files are empty or all zeros after a crash, the data "
            f"space has their earlier content: {', '.join(found)}",
            "answer on the desktop whether they are saved as they are; sealed again without an answer, they are, and "
            "the earlier content stays in the trash",
        )


def _scan(world: World) -> None:
    """What is new there is pulled where it can be; if not, it is safe where it is."""
    try:
        scan_space(world)
    except (Unsaved, NoRoom) as error:
        world.tell(error.what, "alarm")


def _must_be_complete(world: World) -> None:
    """Look once more: nothing is new, and nothing of what is here is unknown to the data space."""
    found = scan_tree(world, still=True)
    changes, _ = world.index.changes.totals()
    if changes or found.errors or found.unseen or found.reserved or world.index.unsaved():
        rows = [os.fsdecode(path) for _, path, _, _ in world.index.changes.some(0, 10)]
        if any(question["id"] == DELETIONS for question in world.index.people.questions()):
            raise Unsaved(
                f"{max(changes, world.index.unsaved())} files wait until it is said what is to be deleted: "
                f"{', '.join(rows)}",
                "answer on the machine (scipion-data answer deletions delete, or: restore), then seal again",
            )
        raise Unsaved(
            f"{max(changes, world.index.unsaved())} files changed while they were sealed: {', '.join(rows)}",
            "seal again",
        )


def _write(world: World, made: Seal) -> None:
    """First where everybody can read it, then on the volume: without the second there is no seal."""
    data = json.dumps(asdict(made), indent=1).encode()
    temporary = world.session.unfinished()
    with writing(world, REMOTE):
        write_new(world.space, temporary, data)
        world.space.rename(temporary, REMOTE, replace=True)
    if world.config.syncs_whole:
        world.space.sync()
    lease.release(world, sealed=True)
    world.commit_and_tell()
    try:
        _write_here(world, data)
    except OSError as error:
        raise Temporary(
            f"the seal cannot be written to {world.config.state / NAME}: {error.strerror}",
            "the volume is kept; the operator looks at it and its room; it is tried again by itself",
        ) from error


def _write_here(world: World, data: bytes) -> None:
    part = world.config.state / "seal.part"
    with part.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    part.rename(world.config.state / NAME)
    world.state.sync()
