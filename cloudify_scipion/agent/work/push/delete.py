"""What is gone from the working copy goes to the data space's trash, unless so much is gone that a person is asked.

Some deletions are no accident: Scipion tidies its scratch files away, and empties a run that it restarts. They are
recognized before anything is saved, since a restarted run is known by files that are not as they were known.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from cloudify_scipion.agent.plan.guards import is_scratch, mass_deletion, run_of
from cloudify_scipion.agent.plan.trash import DAY
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.tables.gone import AGREED, HELD, OPEN, TIDY
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.databases.clear_beside import beside, know_beside, remove_group
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.push.find_changes import Found
from cloudify_scipion.agent.work.push.place import Outcome
from cloudify_scipion.agent.work.push.tally import Run, failed, must_take
from cloudify_scipion.agent.work.push.upload_all import BATCH
from cloudify_scipion.agent.work.questions import DELETIONS, ask_deletions
from cloudify_scipion.agent.work.space.names_there import each_apart
from cloudify_scipion.agent.work.trash.bring_back import CAME_BESIDE, restore_asked
from cloudify_scipion.agent.work.trash.limits import budget
from cloudify_scipion.agent.work.trash.throw import keep_link
from cloudify_scipion.agent.work.world import World

TIDIED = "tidied"
"""When (in lived seconds) somebody was last asked about what Scipion has tidied away."""
RESTARTED = "restarted"
"""Runs that were seen restarting, while something of what they were before is still to be deleted."""
_SOME = 1000


def look_at_deletions(run: Run) -> None:
    """Before anything is saved: what of all that is gone was tidied away by Scipion, where it matters."""
    world, index = run.world, run.world.index
    size = index.gone.bytes_of_ours(OPEN)
    if mass_deletion(*index.gone.totals(), *index.files.totals()) or (size and not budget(world).takes(size)):
        find_tidied(world)


def make_way(run: Run, found: Found, holding: Holding) -> None:
    """Before anything is saved: delete the files in whose places folders are now, if they may go.

    What is in the folders of the others waits with them.
    """
    index = run.world.index
    if found.errors or not index.gone.covered_total():
        return
    _decide(run, holding, before=True)
    if run.final:
        index.gone.agree_covered()  # on a desktop that is gone nobody answers: the trash takes them beyond its limit
    _delete_files(run, covered=True)


def delete_all(run: Run, found: Found, holding: Holding) -> None:
    """Delete, hold and ask, or bring back what a person wants back."""
    world = run.world
    gone, _ = world.index.gone.totals()
    if found.errors and (gone or found.gone_folders):
        run.result.held += gone
        world.tell("some folders cannot be read: nothing is deleted in the data space", "alarm")
        return
    _decide(run, holding)
    _delete(run, found.gone_folders)
    _ask(run, holding)
    world.commit_and_tell()


@dataclass
class Holding:
    """Why something is held: it looks like an accident, or it, or what Scipion tidied, is too much for the trash."""

    accident: bool = False
    too_much: bool = False
    tidied: bool = False
    answered: bool = False
    """Whether this push has done what people have answered."""


def _decide(run: Run, holding: Holding, before: bool = False) -> None:
    """Do what people have answered, and hold what they are to be asked about. `before`: nothing was saved yet."""
    world = run.world
    if not holding.answered:
        restore_asked(run)
        world.index.gone.agree(DELETIONS, world.index.people.answered(DELETIONS, "delete"))
        holding.answered = True
    _hold(world, holding, before)


def _hold(world: World, holding: Holding, before: bool) -> None:
    """Hold what looks like an accident, and what the trash cannot keep."""
    index = world.index
    if not index.gone.totals((OPEN, TIDY))[0]:
        return
    room = budget(world)
    if _is_accident(world, before):
        holding.accident = True
        for fate in (OPEN, AGREED):  # whoever agreed to less did not know of it
            index.gone.set_fates(fate, HELD)
    for fate in (OPEN, TIDY):
        size = index.gone.bytes_of_ours(fate)
        if room.takes(size):
            room = room.with_more(size)
            continue
        holding.too_much |= fate == OPEN
        holding.tidied |= fate == TIDY
        index.gone.set_fates(fate, HELD)


def _is_accident(world: World, before: bool) -> bool:
    """Whether so much is gone, of all that there is with what is new."""
    index = world.index
    gone, (files, size) = index.gone.totals((OPEN,)), index.files.totals()
    if not before or not mass_deletion(*gone, files, size):
        return mass_deletion(*gone, files, size)
    more, after = [0, 0], 0
    while rows := index.changes.some(after, BATCH):
        known = index.files.rows(path for _, path, _, _ in rows)
        new = [size for _, path, _, size in rows if path not in known]
        more, after = [more[0] + len(new), more[1] + sum(new)], rows[-1][0]
    return mass_deletion(*gone, files + more[0], size + more[1])


def _ask(run: Run, holding: Holding) -> None:
    """Ask about what is held; the question goes with the last that it is about."""
    index = run.world.index
    held, _ = index.gone.totals((HELD,))
    run.result.held += held
    index.people.settled_as_asked(DELETIONS)
    if index.get_state(CAME_BESIDE):
        index.set_state(CAME_BESIDE, None)
    if not held:
        index.people.settled(DELETIONS)
        return
    index.gone.hold(DELETIONS)
    if holding.accident or holding.too_much or not holding.tidied or _may_ask_again(run.world):
        ask_deletions(run.world, holding.too_much or holding.tidied, index.gone.covered_total())


def _may_ask_again(world: World) -> bool:
    """What Scipion tidies away is asked about once a day at most."""
    now, asked = world.lived(), world.index.get_state(TIDIED)
    if asked is not None and now - asked < DAY:
        return any(question["id"] == DELETIONS for question in world.index.people.questions())
    world.index.set_state(TIDIED, now)
    return True


def _delete(run: Run, folders: Sequence[bytes]) -> None:
    _delete_files(run)
    index = run.world.index
    for path in sorted(folders, reverse=True):
        number = index.folders.number(path)
        left = number is not None and any(map(index.files.inside, index.folders.below(number)))
        if not left:  # else a file is held, or could not be moved to the trash
            _delete_folder(run, path)
    run.world.commit_and_tell()


def _delete_files(run: Run, covered: bool = False) -> None:
    """What may go of that in whose place a folder is, or of all else."""
    world, going, after = run.world, (OPEN, TIDY, AGREED), b""
    world.progress.start("moving deleted files to the trash", world.index.gone.totals(going)[0])
    while paths := world.index.gone.paths(going, after, BATCH, covered):
        lease.check(world)
        there = [path for path in paths if not _is_back(world, path)]
        agreed = set(world.index.gone.paths((AGREED,), after, BATCH))
        _delete_batch(run, [(path, row) for path in there if (row := world.index.files.get(path)) is not None], agreed)
        for path in paths if covered else ():
            if world.index.files.get(path) is None:
                world.index.gone.forget(path)
        world.commit_and_tell()
        after = paths[-1]


def _delete_batch(run: Run, batch: Sequence[tuple[bytes, Row]], agreed: Container[bytes]) -> None:
    databases = {path: beside(path, run.world.index.files.rows) for path, row in batch if row.local}
    along = {path + end for path, sides in databases.items() for end in sides}
    there = [item for item in batch if item[0] not in along]
    for (path, _), answer in each_apart(
        run.world, lambda it: _remove(run, *it, databases.get(it[0], {}), it[0] in agreed), there, lambda it: it[0]
    ):
        if isinstance(answer, OSError):
            failed(run, path, answer)
        else:
            _deleted(run, answer)


def _remove(run: Run, path: bytes, row: Row, sides: Mapping[bytes, Row], beyond: bool) -> Outcome:
    if row.kind == "l" and row.stored:  # it is nowhere but in the manifest
        return Outcome(path, trash=[keep_link(run.world, path, row)])
    return remove_group(run.world, path, row, sides, beyond)


def _is_back(world: World, path: bytes) -> bool:
    """Whether there is a file again since the scan, or might be."""
    try:
        facts = world.tree.stat(path)
    except OSError:
        return True
    return kind(facts) in ("f", "l")


def _deleted(run: Run, outcome: Outcome) -> None:
    know_beside(run.world, outcome)
    run.world.index.files.drop(outcome.path)
    run.world.index.attempts.not_busy([outcome.path])
    run.note(outcome)
    run.result.deleted += 1
    run.world.progress.add(1, 0)


def _delete_folder(run: Run, path: bytes) -> None:
    """Folders that are empty there go, deepest first; one in which a stranger has put something stays."""
    world = run.world
    number = world.index.folders.number(path)
    if number is None:
        return
    for folder in reversed(world.index.folders.below(number)):
        where = world.index.folders.path_of(folder)
        world.session.beat()
        if world.index.folders.get(folder).remote:
            try:
                world.space.rmdir(where)
            except OSError as error:
                must_take(run, error)
                run.left(where, f"the folder cannot be removed: {error.strerror}")
                return
        world.index.journal.note(where)
        world.index.folders.drop(where)


def find_tidied(world: World) -> None:
    """Mark what Scipion has tidied away among what is gone."""
    before, runs, after = set(world.index.get_state(RESTARTED) or ()), {b"": RunLeft()}, b""
    while paths := world.index.gone.paths(after=after, limit=_SOME):
        for path in paths:
            run = run_of(path)
            if run not in runs:
                runs[run] = _look_at(world, run)
                runs[run].restarted |= run.hex() in before
            if runs[run].restarted or (runs[run].lives and is_scratch(path)):
                world.index.gone.set_fate(path, TIDY)
        after = paths[-1]
    found = sorted(run.hex() for run, seen in runs.items() if seen.restarted)
    if found != sorted(before):
        world.index.set_state(RESTARTED, found)


@dataclass
class RunLeft:
    """What is left of a run. `lives`: some of it; `restarted`: nothing of what was known, but something new."""

    lives: bool = False
    restarted: bool = False


def _look_at(world: World, run: bytes) -> RunLeft:
    number, there, new = world.index.folders.number(run), False, True
    for folder in world.index.folders.below(number) if number is not None else ():
        try:
            entries = world.tree.entries(world.index.folders.path_of(folder))
        except OSError:
            continue
        known = world.index.files.inside(folder)
        for name, facts in entries:
            there |= kind(facts) in ("f", "l")
            new &= name not in known or _is_another(known[name], facts.st_ino, facts.st_size)
    return RunLeft(there, there and new)


def _is_another(row: Row, ino: int, size: int) -> bool:
    """Whether a file was made anew, and not merely changed."""
    return row.ino != ino or size < row.size
