"""The plugin's steps."""

import os
from pathlib import Path

import pyworkflow.protocol.params as params
from pwem.objects import SetOfParticles
from pwem.protocols import EMProtocol


class ProtByHand(EMProtocol):
    """As pickers are: its window was closed without anything chosen, and Scipion leaves it interactive."""

    _label = "by hand"
    _possibleOutputs = {"outputParticles": SetOfParticles}

    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputParticles", params.PointerParam, pointerClass="SetOfParticles", label="Particles")

    def _insertAllSteps(self):
        self._insertFunctionStep("windowStep", interactive=True)

    def windowStep(self):
        self.info("a window opens")

    def choose(self):
        """What the person does in the window that *Analyze results* opens."""
        chosen = self._createSetOfParticles()
        chosen.copyInfo(self.inputParticles.get())
        chosen.copyItems(self.inputParticles.get())
        self._defineOutputs(outputParticles=chosen)
        self._defineSourceRelation(self.inputParticles, chosen)


class ProtFill(EMProtocol):
    """Writes until nothing more fits."""

    _label = "fill"

    def _insertAllSteps(self):
        self._insertFunctionStep("fillStep")

    def fillStep(self):
        with Path(self._getExtraPath("big")).open("wb") as file:
            while True:
                file.write(b"x" * 1_000_000)
                file.flush()


class ProtCall(EMProtocol):
    """Calls a program, as most steps do, and tells both numbers."""

    _label = "call"

    def _insertAllSteps(self):
        self._insertFunctionStep("callStep")

    def callStep(self):
        Path(self._getExtraPath("own")).write_text(str(os.getpid()))
        self.runJob("sh", f"-c 'echo $$ >{self._getExtraPath('called')}; exec sleep 600'")
