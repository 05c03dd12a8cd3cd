"""Whatever comes in the place of whatever: what was there is in the trash, or still there with a question about it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import pytest

from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.trash.bring_back import want_back
from tests.unit.agent.rig import Rig
from tests.unit.agent.test_accidents import NoLinks

LARGE = 6000
TINY, BIG = 1000, 10**9
MANY = 25

SIDES = "", "-wal"


def _database(rig: Rig, path: str, word: str) -> None:
    """One that SQLite cannot read, so that its log is saved as it is."""
    rig.write(path, f"no header of {word} ".encode() + bytes(range(1, 200)))
    rig.write(path + "-wal", b"\x37\x7f\x06\x82" + f"log of {word}".encode())


def _link(rig: Rig, path: str, word: str) -> None:
    (rig.user / path).symlink_to(f"/data/{word}")


KINDS: dict[str, Callable[[Rig, str, str], object]] = {
    "file": lambda rig, path, word: rig.write(path, f"file {word}"),
    "empty": lambda rig, path, word: rig.write(path, b""),
    "large": lambda rig, path, word: rig.write(path, word.encode() + b"v" * LARGE),
    "database": _database,
    "link": _link,
    "folder": lambda rig, path, word: [rig.write(f"{path}/{name}", f"{name} in {word}") for name in ("a", "b/c")],
    "empty folder": lambda rig, path, word: (rig.user / path).mkdir(),
    "absent": lambda rig, path, word: None,
}
PAIRS = [pair for pair in [*permutations(KINDS, 2), *((kind, kind) for kind in KINDS)] if pair[0] != "absent"]


def clear(rig: Rig, path: str) -> None:
    whole = rig.user / path
    if whole.is_dir() and not whole.is_symlink():
        shutil.rmtree(whole)
    for side in SIDES:
        (rig.user / (path + side)).unlink(missing_ok=True)


def held(rig: Rig) -> dict[str, bytes]:
    """What the data space has, links of the manifest included."""
    with rig.world() as world:
        rows = [(path.decode(), row) for path, row in world.index.files.all() if row.kind == "l" and row.held()]
    links = {path: b"-> " + row.target for path, row in rows}
    return {path: content for path, content in rig.saved().items() if ".conflict-" not in path} | links


def kept(rig: Rig) -> Counter[tuple[str, bytes]]:
    """What the list of the trash has, by the path and content that it had."""
    with rig.world() as world:
        found = [(one.name, one.path.decode()) for one in list(world.index.trash.latest())]
    there = rig.trash()
    names = {name.decode().removeprefix(".cloudify-scipion/trash/"): path for name, path in found}
    assert names.keys() == there.keys()
    return Counter(
        (path, b"-> " + there[name] if name.endswith("~link") else there[name]) for name, path in names.items()
    )


def settle(rig: Rig, times: int = 4) -> None:
    for _ in range(times):
        rig.push()
        rig.clock.pass_time(60)


CASES = [
    pytest.param(*pair, many, limit, links, id=f"{' to '.join(pair)}, {many}, trash of {limit}, links {links}")
    for pair in PAIRS
    for many, limit in ((1, BIG), (1, TINY), (1, 1), (MANY, TINY))
    for links in ((True, False) if "link" in pair else (True,))
]


@pytest.mark.parametrize(("was", "now", "many", "limit", "links"), CASES)
def test_what_was_there_is_kept(new: Rig, was: str, now: str, many: int, limit: int, links: bool) -> None:
    def tree(path: str) -> Tree:
        return NoLinks(path) if path == str(new.space) and not links else Tree(path)

    rig = replace(new, trash_bytes=limit, trees=tree, workers=1)
    rig.pull()
    for number in range(40):
        rig.write(f"others/{number}", f"{number}")
    for number in range(many):
        KINDS[was](rig, f"it{number}", f"old{number}")
    settle(rig)
    old = held(rig)
    assert len(old) == len(rig.local())
    for number in range(many):
        clear(rig, f"it{number}")
        KINDS[now](rig, f"it{number}", f"new{number}")
    rig.push()
    trash, there = kept(rig), held(rig)
    replaced = {path: content for path, content in old.items() if rig.local().get(path) != content}
    for path, content in replaced.items():
        assert trash[path, content] == 1 or (there.get(path) == content and rig.questions()), path
    waits = rig.questions()
    if limit == BIG and many == 1:
        assert not waits
    for question, answer in (("deletions", "delete"), ("replaced", "keep")):
        if question in waits:
            rig.answer(question, answer)
    settle(rig)
    assert rig.questions() == [] and held(rig) == rig.local()
    assert {*replaced.items()} <= kept(rig).keys(), "it is in the trash in the end"
    again = kept(rig)
    with rig.world() as world:
        for one in list(world.index.trash.latest()):
            want_back(world, one.name.decode().removeprefix(".cloudify-scipion/trash/"))
        world.commit_and_tell()
    settle(rig, 2)
    assert {content for _, content in again} <= set(rig.local().values()), "each comes back from there"
