"""One history: all who act in it, and what must hold."""

from __future__ import annotations

from collections.abc import Iterable

from tests.unit.agent.histories.machines import Machines
from tests.unit.agent.histories.people import People
from tests.unit.agent.histories.steps import Step


class History(People, Machines):
    """Each step is a method, and what must hold is looked at after each."""

    def live(self, steps: Iterable[Step]) -> None:
        """From the first pull to the end."""
        self.rig.pull()
        for step in steps:
            self.run(step)
        self.finish()

    def run(self, step: Step) -> None:
        name, *arguments = step
        getattr(self, "pass_" if name == "pass" else str(name))(*arguments)
        self.check_untouched(str(step))
