"""Who holds the lease of the data space, as is seen there, and the heartbeat that keeps it ours.

Each heartbeat puts a new nonce into our lease, in place of the one before. Another's nonce in a lease of our name is a
copy of this machine: it was cloned, or it was put back to an earlier state and the nonce is of the days that are
undone. Whoever finds one waits. If the other goes on, this one stops; if it is silent, it was the past, or is gone.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cloudify_scipion.agent.errors import LeaseForeign, LeaseGone, LeaseUnseen
from cloudify_scipion.agent.plan.lease import VALID_SECONDS, Holder, holder_from, holder_of, is_strange, nonce_in
from cloudify_scipion.agent.plan.names import LEASE, generation_of, joined
from cloudify_scipion.agent.ports.whole_files import read_all
from cloudify_scipion.agent.work.manifest.read import expect_news
from cloudify_scipion.agent.work.space.check import check_space, not_written
from cloudify_scipion.agent.work.world import World

KEY = "lease"
POLL_SECONDS = 10.0
PAST = 300
"""So many earlier heartbeats are remembered: those of a day."""


@dataclass(frozen=True)
class Lease:
    """A lease that is there: its file's name, who holds it, and its last heartbeat by the data space's clock."""

    name: bytes
    holder: Holder
    beat: float


def holders(world: World) -> list[Lease]:
    """The leases that are there, by a fresh listing. Raises LeaseUnseen where that, or one of them, cannot be read."""
    world.space.forget()
    own = own_holder(world)
    found = []
    try:
        listed = world.space.entries(LEASE)
    except (FileNotFoundError, NotADirectoryError):
        check_space(world)
        return []
    except OSError as error:
        raise LeaseUnseen(LEASE, error.strerror or str(error)) from error
    for name, facts in listed:
        if generation_of(name):
            path = joined(LEASE, name)
            with seeing(path):
                text = read_all(world.space, path)
            found.append(Lease(name, holder_from(text or b"", name, own), facts.st_mtime))
    return found


@contextlib.contextmanager
def seeing(path: bytes) -> Iterator[None]:
    """What of the lease cannot be read or written says nothing of who holds it: LeaseUnseen names it."""
    try:
        yield
    except OSError as error:
        raise LeaseUnseen(path, error.strerror or str(error)) from error


def own_holder(world: World, generation: int = 0, at: str = "") -> Holder:
    """What this machine writes into a lease."""
    return holder_of(world.config.document, generation or world.config.generation, at)


def kept(world: World) -> dict[str, Any]:
    """What is remembered of our lease. Raises LeaseForeign where we have none."""
    known = world.index.get_state(KEY)
    if not known:
        raise LeaseForeign(
            "this machine does not hold the lease of the data space", "repair the project, or install it again"
        )
    world.session.generation = known["generation"]
    return dict(known)


def remember(world: World, known: dict[str, Any]) -> None:
    """A heartbeat of ours is there, of now."""
    known = known | {"beat": world.clock.elapsed(), "boot": world.clock.boot()}
    world.session.generation, world.session.beaten = known["generation"], known["beat"]
    world.index.set_state(KEY, known)
    world.commit()


def foreign(world: World, own: Holder, held: Sequence[Lease]) -> LeaseForeign:
    """The error that says who holds it, and whose move it is."""
    others = [lease for lease in held if lease.holder.name() != own.name()]
    if not others:
        return LeaseGone("the lease of the data space was taken away", "repair the project, or install it again")
    found = max(others, key=lambda lease: lease.holder.generation)
    holder, beat = found.holder, found.beat
    age = timedelta(seconds=max(0, round(world.clock.now() - beat)))
    if holder.owner() == own.owner():
        return LeaseForeign(
            f"machine {holder.machine} (generation {holder.generation}) of this deployment took the data space over",
            "this machine writes nothing any more: delete it",
        )
    return LeaseForeign(
        f"the data space belongs to {holder}, whose last sign of life is {age} old",
        f"use another folder, or end that project; if it is gone for good, remove {LEASE.decode()} in this folder",
    )


class Strange(Exception):
    """Our lease shows the heartbeat of another."""

    def __init__(self, nonce: str) -> None:
        super().__init__(nonce)
        self.nonce = nonce


class Unkept(Exception):
    """Our lease shows an earlier heartbeat of ours: later ones were not kept, or the data space is one of then."""

    def __init__(self, nonce: str) -> None:
        super().__init__(nonce)
        self.nonce = nonce


def new_nonce() -> str:
    """A heartbeat's; all have the same length."""
    return os.urandom(8).hex()


def beat(world: World, known: dict[str, Any]) -> None:
    """Renew the lease that the index knows as ours.

    Raises Strange, Unkept, LeaseForeign, LeaseUnseen, or what keeps it from being written. The new nonce is remembered
    before it is written: killed in between, both are ours.
    """
    path, new = joined(LEASE, known["name"].encode()), new_nonce()
    ours, past = known.get("nonces", [])[-PAST:], known.get("past", [])
    world.index.set_state(KEY, known | {"nonces": [*ours, new]})
    world.commit()

    def renewed(text: bytes) -> bytes:
        found = nonce_in(text)
        if found != new and is_strange(found, ours):  # `new`: a first try has failed half-way
            raise Unkept(found) if found in past else Strange(found)
        return own_holder(world, known["generation"], known.get("at", "")).renewed(new)

    try:
        world.space.update(path, renewed)
    except FileNotFoundError:
        check_space(world)
        raise foreign(world, own_holder(world, known["generation"]), _seen(world)) from None
    except OSError as error:
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise not_written(world, error, path) from error
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise LeaseUnseen(path, error.strerror or str(error)) from error
        with seeing(path):
            world.space.touch(path)  # room is made by what comes after this
        remember(world, known | {"nonces": [*ours, new]})
        return
    remember(world, known | {"nonces": [new], "past": [*past, *ours][-PAST:]})


def _seen(world: World) -> list[Lease]:
    """Who holds it, as far as that can be seen: ours is gone, whatever is there."""
    try:
        return holders(world)
    except LeaseUnseen:
        return []


def is_not_ours(nonce: str, known: dict[str, Any]) -> bool:
    """Whether a heartbeat is none of ours, not an earlier one either, which is there where later ones were not kept."""
    return nonce not in known.get("past", []) and is_strange(nonce, known.get("nonces", []))


def beat_after_lost(world: World, known: dict[str, Any], found: str) -> None:
    """The lease shows an earlier heartbeat: look for what else was lost before it shows the next."""
    expect_news(world, anew=True)
    beat(world, known | {"nonces": [found]})


def await_silence(world: World, held: list[Lease]) -> bool:
    """Whether there was no heartbeat for as long as a lease is valid, by our own clock; False at the first one."""
    since = world.clock.elapsed()
    while world.clock.elapsed() - since <= VALID_SECONDS:
        left = VALID_SECONDS - (world.clock.elapsed() - since)
        world.progress.start(f"another machine may still write to the data space: waiting up to {left:.0f} s")
        world.clock.sleep(POLL_SECONDS)
        if holders(world) != held:
            return False
    return True


def claim(world: World, known: dict[str, Any]) -> None:
    """Another's heartbeat is in our lease: take it for ours once that one is silent. Raises LeaseForeign if it lives.

    What it has written is to be read first; that is remembered before the lease shows nothing strange any more.
    """
    held = holders(world)
    if [lease.name for lease in held] != [known["name"].encode()]:
        raise foreign(world, own_holder(world, known["generation"]), held)
    world.tell(
        "the data space shows signs of life that are not this machine's, under its name: it was put back to an earlier "
        "state, or there is a copy of it"
    )
    world.commit_and_tell()
    if not await_silence(world, held):
        raise twin(world)
    expect_news(world, anew=True)
    try:
        beat(world, known | {"nonces": [held[0].holder.nonce], "past": []})
    except Strange:
        raise twin(world) from None


def twin(world: World) -> LeaseForeign:
    """There are two of this machine, and the other one is at work."""
    error = LeaseForeign(
        "a copy of this machine saves to the same data space: this one has stopped saving",
        "delete one of the two; this one goes on by itself when the other has been silent for 15 minutes",
    )
    world.tell(f"{error.what}; {error.next_step}", "alarm")
    world.commit_and_tell()
    return error
