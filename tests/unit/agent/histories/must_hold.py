"""What must hold after each step, and in the end."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cloudify_scipion.agent.work import push
from tests.unit.agent.histories.books import Books
from tests.unit.agent.restored import differences, restore, restore_from_copy
from tests.unit.agent.rig import Rig, contents


class MustHold(Books):
    """Nothing is lost, nothing in the working copy is touched, and in the end both sides are the same."""

    def check_untouched(self, after: str) -> None:
        """The agent may add to the working copy; it never changes or removes.

        But what others have made, and made anew in the data space, gets its newer content; the earlier one is kept.
        """
        local = self.rig.local()
        for path, content in self.here.items():
            if local.get(path) == content:
                continue
            newer = {content, local.get(path, b"")} <= set(local.values()) and content.startswith(b"web")
            assert newer and local[path].startswith(b"web"), f"{path!r} is {local.get(path)!r} after {after}"
            self.here[path] = local[path]
        if not self.zombies or self.rig is not self.zombies[-1]:
            self.here.update({path: content for path, content in local.items() if path not in self.here})

    def finish(self) -> None:
        for _ in range(3):
            if "deletions" in self.rig.questions():
                self.rig.answer("deletions", "delete")
            self.work("scan", 0, lambda rig: rig.scan())
            self.work("push", 0, lambda rig: rig.push())
            self.check_untouched("the end")
        lost = self.owed - self.everything()
        assert not lost, f"lost: {lost}"
        self.check_same()
        with self.rig.world() as world:
            assert push.push(world, everything=True).files == 0
        self.check_same()
        assert self.rig.verify_all().wrong == []
        assert self.rig.seal().files == len(self.rig.local())
        self.check_restored(restore(self.rig, self.folder / "restored"))

    def check_sealed(self) -> None:
        """The volume may go now: the data space has all that it holds, and a new machine would get it."""
        saved, local = contents(self.there), self.held(self.rig.local())
        assert {path: saved.get(path) for path in local} == local
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            self.check_restored(restore_from_copy(self.rig, Path(folder, "volume")))

    def check_restored(self, new: Rig) -> None:
        """A new machine has got what the old volume has."""
        found = differences(self.rig.user, new.user)
        if "deletions" in self.rig.questions():  # nobody has said yet that they are to go
            found = [text for text in found if not text.endswith("only in the restore")]
        assert not found, "\n".join(found)

    def check_same(self) -> None:
        """Both sides have the same."""
        assert self.held(contents(self.there)) == self.held(self.rig.local())

    def held(self, found: dict[str, bytes]) -> dict[str, bytes]:
        """What of it the data space can hold under its own name."""
        return found
