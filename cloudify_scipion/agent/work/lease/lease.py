"""Taking, keeping and giving back the lease: the right to write to the data space. The rules are in `plan.lease`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cloudify_scipion.agent.errors import LeaseForeign, LeaseGone, LeaseStale, LeaseUnseen, Temporary
from cloudify_scipion.agent.plan.lease import VALID_SECONDS, Holder, Verdict, judge, next_generation
from cloudify_scipion.agent.plan.names import LEASE, TEMPORARY, joined
from cloudify_scipion.agent.plan.news import Side
from cloudify_scipion.agent.ports.calls import Told
from cloudify_scipion.agent.ports.whole_files import make_folders, write_new
from cloudify_scipion.agent.work.lease import heartbeat
from cloudify_scipion.agent.work.manifest.read import expect_news, last_generation, side_of
from cloudify_scipion.agent.work.space.check import writing
from cloudify_scipion.agent.work.world import World

BEAT_SECONDS = VALID_SECONDS / 5
GIVEN_BACK = "given back"
"""In the index: the generation that has given the lease back with a seal, and may go on if nobody came since."""


def acquire(world: World) -> None:
    """Take the lease, or take it over from an earlier machine of ours. Raises LeaseForeign naming its owner and age.

    Without the provider's word that no earlier machine runs, it waits until that one's heartbeat is too old.
    """
    for folder in (LEASE, TEMPORARY):
        with writing(world, folder):
            make_folders(world.space, folder, 0o700)
    own = replace(heartbeat.own_holder(world, at=world.clock.iso()), nonce=heartbeat.new_nonce())
    held = heartbeat.holders(world)
    known = world.index.get_state(heartbeat.KEY)
    if known and [lease.name for lease in held] == [known["name"].encode()]:  # whatever became of its content
        _renew(world, known)
        confirm(world)
        return
    before = int(known["generation"]) if known else 0
    own = replace(own, generation=max(own.generation, before, last_generation(world)))  # our own count may be lost
    verdict = judge(own, [lease.holder for lease in held])
    if verdict is Verdict.REFUSE or (verdict is Verdict.TAKE_OVER and _was_taken_over(world, known, held)):
        raise heartbeat.foreign(world, own, held)
    if verdict is Verdict.TAKE_OVER:
        if not world.config.fenced:
            _wait_for_silence(world, held)
        own = _take_over(world, own, held)
    elif verdict is Verdict.TAKE:
        _write(world, own)
    else:
        own = replace(own, nonce=held[0].holder.nonce)  # the index was lost
    expect_news(world)
    heartbeat.remember(
        world,
        {"name": own.name().decode(), "generation": own.generation, "asked": _asked(world), "at": own.at,
         "nonces": [own.nonce] if own.nonce else []},
    )  # fmt: skip
    world.index.set_state(GIVEN_BACK, None)
    confirm(world)


def _was_taken_over(world: World, known: dict[str, Any] | None, held: Sequence[heartbeat.Lease]) -> bool:
    """Whether this very machine wrote there once, and a later one does now: nobody has made it anew since."""
    if not known or known["asked"] != _asked(world):
        return False
    return max(lease.holder.generation for lease in held) > int(known["generation"])


def _asked(world: World) -> list[object]:
    """Which machine the lifecycle has made this one to be."""
    return [world.config.document["machine"], world.config.generation]


def _write(world: World, own: Holder) -> None:
    """Whole, or not at all."""
    temporary = world.session.unfinished(own.generation)
    with writing(world, joined(LEASE, own.name())):
        write_new(world.space, temporary, own.text())
        try:
            world.space.rename(temporary, joined(LEASE, own.name()))
        except FileExistsError:
            world.space.unlink(temporary)


def _take_over(world: World, own: Holder, held: Sequence[heartbeat.Lease]) -> Holder:
    """Write our own, then take the old machine's away: its next heartbeat fails."""
    new = replace(own, generation=next_generation(own.generation, [lease.holder for lease in held]))
    last = max((lease.holder for lease in held), key=lambda holder: holder.generation)
    world.tell(f"the data space was last written by {last.machine} (generation {last.generation}): taken over")
    _write(world, new)
    for lease in held:
        world.space.unlink(joined(LEASE, lease.name))
    return new


def renew(world: World) -> None:
    """The heartbeat, which fails if somebody took over. Raises LeaseForeign or LeaseStale."""
    given_back = world.index.get_state(GIVEN_BACK)
    if given_back and not world.index.get_state(heartbeat.KEY):
        _take_again(world, int(given_back))
        return
    known = heartbeat.kept(world)
    age = world.clock.elapsed() - known["beat"]
    try:
        if known["boot"] != world.clock.boot() or age > VALID_SECONDS:
            _resume(world)
        else:
            _renew(world, known, counts=True)
    except LeaseGone:
        world.tell("nobody holds the lease of the data space, as where a backup was put back: it is taken again")
        _take_again(world, int(known["generation"]))


def _go_on(world: World, error: LeaseUnseen) -> None:
    """Our last heartbeat still counts, so nobody takes over before it is too old: until then saving goes on."""
    if world.session.unseen is None:
        world.tell(error.what, "alarm")
    world.session.unseen = error.path, error.reason


def _take_again(world: World, generation: int) -> None:
    """The machine is used again after a seal, or its lease was lost: it goes on unless another was there meanwhile."""
    held, last = heartbeat.holders(world), last_generation(world)
    if held:
        raise heartbeat.foreign(world, heartbeat.own_holder(world, generation), held)
    if last > generation:
        raise LeaseForeign(
            f"a later machine (generation {last}) has saved to the data space since this one had its lease",
            "this machine writes nothing any more: delete it",
        )
    acquire(world)


def check(world: World) -> None:
    """The heartbeat before a batch of renames in the middle of a work: if the last one is too old, the work ends.

    Raises LeaseForeign or LeaseStale.
    """
    known = heartbeat.kept(world)
    age = world.clock.elapsed() - known["beat"]
    if age > VALID_SECONDS:
        raise LeaseStale(
            f"the last sign of life to the data space is {timedelta(seconds=round(age))} old",
            "the next push looks whether the lease is still ours",
        )
    try:
        heartbeat.beat(world, known)
    except LeaseUnseen as error:
        _go_on(world, error)
    except heartbeat.Strange:
        raise heartbeat.twin(world) from None
    except heartbeat.Unkept as lost:
        before = side_of(world)
        heartbeat.beat_after_lost(world, known, lost.nonce)
        if before is Side.SAME is not side_of(world):
            raise Temporary(
                "the data space was put back to an earlier state during this work", "the next push reads it first"
            ) from None


def moment(world: World) -> int:
    """Now by the data space's clock (ns since 1970): later than all that was done there. Renews the lease."""
    told = _renewed(world)
    return told.ctime if told else 0


def now_there(world: World) -> int:
    """The time (ns since 1970) that the data space gives a file which is written now, 0 if nobody can tell: the
    machine's clock may be another. Renews the lease.
    """
    told = _renewed(world)
    return told.mtime if told else 0


def _renewed(world: World) -> Told | None:
    """What the data space tells of our lease just after a heartbeat; None where it cannot be seen."""
    check(world)
    return None if world.session.unseen else world.space.told(joined(LEASE, heartbeat.kept(world)["name"].encode()))


def _resume(world: World) -> None:
    """At the start of a work, after a pause: go on only if nobody else came."""
    _only_ours(world)
    _renew(world, heartbeat.kept(world))


def _renew(world: World, known: dict[str, Any], counts: bool = False) -> None:
    """At the start of a work: here a copy of this machine, or its own undone future, is waited for.

    `counts`: the last heartbeat is young enough to go on where the lease cannot be seen.
    """
    try:
        heartbeat.beat(world, known)
    except LeaseUnseen as error:
        if not counts:
            raise
        _go_on(world, error)
    except heartbeat.Strange:
        heartbeat.claim(world, known)
    except heartbeat.Unkept as lost:
        heartbeat.beat_after_lost(world, known, lost.nonce)


def confirm(world: World) -> None:
    """By a fresh listing: the lease is ours, and nobody else's is there. Raises LeaseForeign."""
    if heartbeat.is_not_ours(_only_ours(world).holder.nonce, heartbeat.kept(world)):
        raise heartbeat.twin(world)


def _only_ours(world: World) -> heartbeat.Lease:
    """Our lease as it is there. Raises LeaseForeign if there is another."""
    known, held = heartbeat.kept(world), heartbeat.holders(world)
    if [lease.name for lease in held] != [known["name"].encode()]:
        raise heartbeat.foreign(world, heartbeat.own_holder(world, known["generation"]), held)
    return held[0]


def release(world: World, sealed: bool = False) -> None:
    """Give it back; nothing to do when it is not ours. `sealed`: this machine may take it again by itself."""
    known = world.index.get_state(heartbeat.KEY)
    if known:
        path = joined(LEASE, known["name"].encode())
        with writing(world, path):
            world.space.unlink(path)
        world.index.set_state(heartbeat.KEY, None)
        world.index.set_state(GIVEN_BACK, known["generation"] if sealed else None)
        world.commit()


def beat_when_due(world: World) -> None:
    """Called while long copies go on."""
    if world.session.beaten and world.clock.elapsed() - world.session.beaten > BEAT_SECONDS:
        check(world)


def _wait_for_silence(world: World, held: list[heartbeat.Lease]) -> None:
    """Return when no heartbeat came for as long as a lease is valid; the clock of the data space does not matter."""
    while not heartbeat.await_silence(world, held):
        held = heartbeat.holders(world)
