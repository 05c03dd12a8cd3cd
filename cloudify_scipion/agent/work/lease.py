"""Taking, keeping and giving back the lease: the right to write to the data space. The rules are in `plan.lease`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from cloudify_scipion.agent.errors import LeaseForeign, LeaseStale
from cloudify_scipion.agent.plan.lease import (
    VALID_SECONDS,
    Holder,
    Verdict,
    holder_from,
    holder_of,
    judge,
    next_generation,
)
from cloudify_scipion.agent.plan.names import LEASE, TEMPORARY, generation_of, joined, temporary_name
from cloudify_scipion.agent.ports.files import make_folders, read_all, write_new
from cloudify_scipion.agent.work.manifest_reading import last_generation
from cloudify_scipion.agent.work.probes import KEY as ABILITIES
from cloudify_scipion.agent.work.space import check_space, not_written, writing
from cloudify_scipion.agent.work.world import World, again

POLL_SECONDS = 10.0
BEAT_SECONDS = VALID_SECONDS / 5
KEY = "lease"


def acquire(world: World) -> None:
    """Take the lease, or take it over from an earlier machine of ours. Raises LeaseForeign naming its owner and age.

    Without the provider's word that no earlier machine runs, it waits until that one's heartbeat is too old.
    """
    with writing(world):
        make_folders(world.space, LEASE, 0o700)
        make_folders(world.space, TEMPORARY, 0o700)
    own = holder_of(world.config.document, world.config.generation, world.clock.iso())
    held = holders(world)
    kept = world.index.get_state(KEY)
    if kept and [lease.name for lease in held] == [kept["name"].encode()]:  # whatever became of its content
        _remember(world, None, kept)
        confirm(world)
        return
    own = replace(own, generation=max(own.generation, last_generation(world)))  # our own count may have been lost
    verdict = judge(own, [lease.holder for lease in held])
    if verdict is Verdict.REFUSE or (verdict is Verdict.TAKE_OVER and _was_taken_over(world, kept, held)):
        raise _foreign(world, own, held)
    if verdict is Verdict.TAKE_OVER:
        if not world.config.fenced:
            _wait_for_silence(world, held)
        own = _take_over(world, own, held)
    elif verdict is Verdict.TAKE:
        _write(world, own)
    _remember(world, own)
    confirm(world)


def _was_taken_over(world: World, kept: dict[str, Any] | None, held: Sequence[Lease]) -> bool:
    """Whether this very machine wrote there once, and a later one does now: nobody has made it anew since."""
    if not kept or kept["asked"] != _asked(world):
        return False
    return max(lease.holder.generation for lease in held) > int(kept["generation"])


def _asked(world: World) -> list[object]:
    """Which machine the lifecycle has made this one to be."""
    return [world.config.document["machine"], world.config.generation]


def _write(world: World, own: Holder) -> None:
    """Whole, or not at all."""
    temporary = joined(TEMPORARY, temporary_name(own.generation, world.nonce()))
    with writing(world):
        again(lambda: write_new(world.space, temporary, own.text()))
        try:
            again(lambda: world.space.rename(temporary, joined(LEASE, own.name())))
        except FileExistsError:
            again(lambda: world.space.unlink(temporary))


def _take_over(world: World, own: Holder, held: Sequence[Lease]) -> Holder:
    """Write our own, then take the old machine's away: its next heartbeat fails."""
    new = replace(own, generation=next_generation(own.generation, [lease.holder for lease in held]))
    last = max((lease.holder for lease in held), key=lambda holder: holder.generation)
    world.tell(f"the data space was last written by {last.machine} (generation {last.generation}): taken over")
    _write(world, new)
    for lease in held:
        again(lambda lease=lease: world.space.unlink(joined(LEASE, lease.name)))  # type: ignore[misc]
    return new


@dataclass(frozen=True)
class Lease:
    """A lease that is there: its file's name, who holds it, and its last heartbeat by the data space's clock."""

    name: bytes
    holder: Holder
    beat: float


def holders(world: World) -> list[Lease]:
    """The leases that are there, by a fresh listing."""
    world.space.forget()
    own = holder_of(world.config.document, world.config.generation, "")
    found = []
    try:
        listed = again(lambda: world.space.entries(LEASE))
    except (FileNotFoundError, NotADirectoryError):
        check_space(world)
        return []
    for name, facts in listed:
        if generation_of(name):
            text = again(lambda name=name: read_all(world.space, joined(LEASE, name)))  # type: ignore[misc]
            found.append(Lease(name, holder_from(text or b"", name, own), facts.st_mtime))
    return found


def renew(world: World) -> None:
    """The heartbeat, which fails if somebody took over. Raises LeaseForeign or LeaseStale."""
    kept = _kept(world)
    age = world.clock.elapsed() - kept["beat"]
    if kept["boot"] != world.clock.boot() or age > VALID_SECONDS:
        resume(world)
        return
    _touch(world, kept)


def check(world: World) -> None:
    """The same before a batch of renames in the middle of a work: here an old heartbeat ends the work."""
    kept = _kept(world)
    age = world.clock.elapsed() - kept["beat"]
    if age > VALID_SECONDS:
        raise LeaseStale(
            f"the last sign of life to the data space is {timedelta(seconds=round(age))} old",
            "the next push looks whether the lease is still ours",
        )
    _touch(world, kept)


def resume(world: World) -> None:
    """At the start of a work, after a pause: go on only if nobody else came."""
    world.space.forget()
    confirm(world)
    _touch(world, _kept(world))


def confirm(world: World) -> None:
    """By a fresh listing: the lease is ours, and nobody else's is there. Raises LeaseForeign."""
    kept, held = _kept(world), holders(world)
    if [lease.name for lease in held] != [kept["name"].encode()]:
        raise _foreign(world, holder_of(world.config.document, kept["generation"], ""), held)


def release(world: World) -> None:
    """Give it back; nothing to do when it is not ours."""
    kept = world.index.get_state(KEY)
    if kept:
        again(lambda: world.space.unlink(joined(LEASE, kept["name"].encode())))
        world.index.set_state(KEY, None)
        world.commit()


def beat_when_due(world: World) -> None:
    """Called while long copies go on."""
    if world.beaten and world.clock.elapsed() - world.beaten > BEAT_SECONDS:
        check(world)


def _touch(world: World, kept: dict[str, Any]) -> None:
    able = world.index.get_state(ABILITIES) or {}
    try:
        again(lambda: world.space.touch(joined(LEASE, kept["name"].encode()), written=not able.get("times", True)))
    except FileNotFoundError:
        check_space(world)
        held = holders(world)
        raise _foreign(world, holder_of(world.config.document, kept["generation"], ""), held) from None
    except OSError as error:
        raise not_written(world, error) from error
    _remember(world, None, kept)


def _remember(world: World, own: Holder | None, kept: dict[str, Any] | None = None) -> None:
    known: dict[str, Any] = dict(kept or {})
    if own:
        known = {"name": own.name().decode(), "generation": own.generation, "asked": _asked(world)}
    known |= {"beat": world.clock.elapsed(), "boot": world.clock.boot()}
    world.generation, world.beaten = known["generation"], known["beat"]
    world.index.set_state(KEY, known)
    world.commit()


def _kept(world: World) -> dict[str, Any]:
    kept = world.index.get_state(KEY)
    if not kept:
        raise LeaseForeign(
            "this machine does not hold the lease of the data space", "repair the project, or install it again"
        )
    world.generation = kept["generation"]
    return dict(kept)


def _wait_for_silence(world: World, held: Sequence[Lease]) -> None:
    """Return when no heartbeat came for as long as a lease is valid; the clock of the data space does not matter."""
    since, before = world.clock.elapsed(), list(held)
    while world.clock.elapsed() - since <= VALID_SECONDS:
        left = VALID_SECONDS - (world.clock.elapsed() - since)
        world.progress.start(f"an earlier machine may still write to the data space: waiting up to {left:.0f} s")
        world.clock.sleep(POLL_SECONDS)
        now = holders(world)
        if now != before:
            since, before = world.clock.elapsed(), now


def _foreign(world: World, own: Holder, held: Sequence[Lease]) -> LeaseForeign:
    others = [lease for lease in held if lease.holder.name() != own.name()]
    if not others:
        return LeaseForeign("the lease of the data space was taken away", "repair the project, or install it again")
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
