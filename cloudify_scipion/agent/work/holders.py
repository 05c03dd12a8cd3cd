"""Who holds the lease of the data space, as is seen there, and what the index remembers of our own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cloudify_scipion.agent.errors import LeaseForeign, LeaseGone, LeaseUnseen
from cloudify_scipion.agent.plan.lease import Holder, holder_from, holder_of
from cloudify_scipion.agent.plan.names import LEASE, generation_of, joined
from cloudify_scipion.agent.ports.files import read_all
from cloudify_scipion.agent.work.space import check_space
from cloudify_scipion.agent.work.world import World, again

KEY = "lease"


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
        listed = again(lambda: world.space.entries(LEASE))
    except (FileNotFoundError, NotADirectoryError):
        check_space(world)
        return []
    except OSError as error:
        raise LeaseUnseen(LEASE, error.strerror or str(error)) from error
    for name, facts in listed:
        if generation_of(name):
            path = joined(LEASE, name)
            with seeing(path):
                text = again(lambda path=path: read_all(world.space, path))  # type: ignore[misc]
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
    world.generation = known["generation"]
    return dict(known)


def remember(world: World, known: dict[str, Any]) -> None:
    """A heartbeat of ours is there, of now."""
    known = known | {"beat": world.clock.elapsed(), "boot": world.clock.boot()}
    world.generation, world.beaten = known["generation"], known["beat"]
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
