"""What must hold after each step, and in the end."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cloudify_scipion.agent.work.push import push
from tests.unit.agent.histories.books import Books
from tests.unit.agent.restored import differences, restore, restore_from_copy
from tests.unit.agent.rig import Rig

LOOKS, ROUNDS = 2, 8
"""How often is looked before anything is settled; what is never quiet takes some tries more."""

ANSWERS = {"deletions": "delete", "destroyed": "save", "replaced": "keep", "trash": "keep"}
"""What people say in the end."""


class MustHold(Books):
    """Nothing is lost, nothing in the working copy is touched, and in the end both sides are the same."""

    def finish(self) -> None:
        self.work("pull", 0, lambda rig: rig.pull())
        for turn in range(ROUNDS):
            for question in self.rig.questions():
                self.rig.answer(question, ANSWERS[question])
            self.work("scan", 0, lambda rig: rig.scan())
            result = self.work("push", 0, lambda rig: rig.push())
            if turn >= LOOKS and result and not result.busy:
                break
        lost = self.lost()
        assert not lost, f"lost: {lost}"
        self.check_same()
        for _ in range(LOOKS):
            with self.rig.world() as world:
                files = push.push(world, everything=True).files
        assert files == 0, f"{files} files are saved again and again"
        self.check_same()
        assert self.rig.seal().files >= len(self.here)
        self.counts["seals"] += 1
        self.check_restored(restore(self.rig, self.folder / "restored"))

    def check_sealed(self) -> None:
        """The volume may go now: the data space has all that it holds, and a new machine would get it."""
        self.counts["seals"] += 1
        saved, local = self.look(self.there), self.held(self.look(self.rig.user))
        assert {path: saved.get(path) for path in local} == local
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            self.check_restored(self.restored_from_copy(Path(folder, "volume")))

    def restored_from_copy(self, root: Path) -> Rig:
        """A new machine of a copy of the data space."""
        return restore_from_copy(self.rig, root)

    def check_restored(self, new: Rig) -> None:
        """A new machine has got what the old volume has."""
        self.counts["restores"] += 1
        more = " is only in the restore"
        found = differences(self.rig.user, new.user)
        if "deletions" in self.rig.questions():  # nobody has said yet that they are to go
            found = [text for text in found if not text.endswith(more)]
        found = [text for text in found if text not in {f"{path!r}{more}" for path in self.unseen()}]
        assert not found, "\n".join(found)

    def unseen(self) -> set[str]:
        """What others have put there, with the folders above it: it may be too young to have come to the old volume."""
        theirs = [path for path, content in self.look(self.there).items() if content.startswith((b"web", b"-> web"))]
        return {str(above) for path in theirs for above in (Path(path), *Path(path).parents)}

    def check_same(self) -> None:
        """Both sides have the same."""
        there, here = self.held(self.look(self.there)), self.held(self.look(self.rig.user))
        other = {path: (there.get(path), here.get(path)) for path in sorted(dict(there.items() ^ here.items()))}
        told = [f"{path[-40:]!r}: {str(one)[:60]} there, {str(two)[:60]} here" for path, (one, two) in other.items()]
        assert there == here, "not the same on both sides: " + "\n".join(told)

    def held(self, found: dict[str, bytes]) -> dict[str, bytes]:
        """What of it the data space can hold under its own name."""
        return found
