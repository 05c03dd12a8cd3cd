"""What the service does: works of the agent that are killed, machines that die and come back, clocks."""

from __future__ import annotations

from dataclasses import replace

from cloudify_scipion.agent.errors import AgentError
from tests.unit.agent.faults import Reaper
from tests.unit.agent.histories.must_hold import MustHold
from tests.unit.agent.histories.web import Web
from tests.unit.agent.rig import Rig, write


class Machines(Web, MustHold):
    """Works end well, or as by a power cut; whatever they have done by then, the next ones put it right."""

    def push(self, kill: int) -> None:
        self.work("push", kill, lambda rig: rig.push())

    def scan(self, kill: int) -> None:
        self.work("scan", kill, lambda rig: rig.scan())

    def answer(self, number: int) -> None:
        """Somebody answers what is asked, late or at once. What may be discarded is owed no more, but what is here."""
        with self.rig.world() as world:
            asked = [(question["id"], question["answers"][number]) for question in world.index.people.questions()]
        for name, word in asked:
            if word == "discard":
                self.owed &= set(self.here.values())
            self.rig.answer(name, word)

    def reboot(self) -> None:
        self.end()
        self.rig.clock.boot_id += "'"

    def replace(self, same_volume: bool, kill: int) -> None:
        """The machine dies, and its user's work since the last save with it unless the volume is there."""
        self.end()
        old, self.machines = self.rig, self.machines + 1
        name = f"m{self.machines}"
        clock = replace(old.clock, boot_id=name)
        if same_volume:
            self.rig = replace(old, machine=name, generation=self.machines, clock=clock)
        else:
            self.zombies.append(old)
            self.rig = self.machine(name, machine=name, generation=self.machines, clock=clock)
            self.here = {}
        self.work("pull", kill, lambda rig: rig.pull())
        if kill:
            self.work("pull", 0, lambda rig: rig.pull())

    def zombie(self, kill: int) -> None:
        """A machine that was thought dead wakes up and saves; nothing that it has may do harm.

        While no later one could take the lease, it has it.
        """
        if self.zombies:
            rig, content = self.zombies[-1], self.content("zombie")
            write(rig.user / "x", content)
            try:
                rig.push()
            except AgentError:
                return
            assert self._took_over(rig), "a machine without the lease has pushed"
            self.owed.add(content)

    def _took_over(self, rig: Rig) -> bool:
        """Whether the lease is this machine's: the one that was to follow it could not write its own."""
        names = [path.name for path in (rig.space / ".cloudify-scipion/lease").iterdir()]
        return max(names, default="").startswith(f"g{rig.generation:08d}-")

    def pass_(self, seconds: float) -> None:
        self.rig.clock.pass_time(seconds)

    def jump(self, seconds: float) -> None:
        """The clock is set."""
        self.rig.clock.ahead += seconds

    def race(self, path: str, at: int) -> None:
        """Somebody writes there in the middle of a push."""
        reaper = Reaper(trees=self.rig.trees)

        def meanwhile(_: str) -> None:
            if reaper.count == at:
                self.web_write(path)

        reaper.before = meanwhile
        self.work("push", 0, lambda rig: replace(rig, trees=reaper.tree).push())
        self.owed -= self.taken

    def seal(self, kill: int) -> None:
        """If it can be made, everything is there; then the project is used again all the same."""
        self.end()
        try:
            self.work("seal", kill, lambda rig: rig.seal())
        except AgentError:
            assert not (self.rig.state / "seal.json").exists()
        if (self.rig.state / "seal.json").exists():
            self.all_saved()
            self.check_sealed()
            (self.rig.state / "seal.json").unlink()
        self.work("pull", 0, lambda rig: rig.pull())

    def snapshot(self) -> None:
        self.kept = None
        if (self.rig.state / "index.sqlite").exists():
            self.kept = self.rig.state, (self.rig.state / "index.sqlite").read_bytes()

    def rollback(self) -> None:
        """The index is an older copy; then the project is repaired."""
        if self.kept and self.kept[0] == self.rig.state:
            (self.rig.state / "index.sqlite").write_bytes(self.kept[1])
            for end in ("-wal", "-shm"):
                (self.rig.state / f"index.sqlite{end}").unlink(missing_ok=True)
            self.work("pull", 0, lambda rig: rig.pull())
