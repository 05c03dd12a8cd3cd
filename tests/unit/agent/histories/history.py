"""One history: all who act in it, and what must hold."""

from __future__ import annotations

from collections.abc import Iterable

from tests.unit.agent.histories.databases import Databases
from tests.unit.agent.histories.going_back import GoingBack
from tests.unit.agent.histories.machines import Machines
from tests.unit.agent.histories.people import People
from tests.unit.agent.histories.trouble import Trouble
from tests.unit.agent.histories.uploads import Uploads

Step = tuple[object, ...]


class History(People, Uploads, Databases, GoingBack, Trouble, Machines):
    """Each step is a method. Of what the agent does, what must hold is looked at each time."""

    def live(self, steps: Iterable[Step]) -> None:
        """From the first pull to the end."""
        try:
            todo = list(steps)
            if todo and todo[0][0] == "kind":
                self.kind(str(todo.pop(0)[1]))
            self.rig.pull()
            for step in todo:
                self.run(step)
            self.settle()
            self.finish()
        finally:
            self.close()

    def run(self, step: Step) -> None:
        name, *arguments = step
        self.counts["steps"] += 1
        getattr(self, "pass_" if name == "pass" else str(name))(*arguments)
        self.here = self.look(self.rig.user)
