"""What Scipion wants of a plugin's package."""

import pwem

__version__ = "1.0"
_references: list[str] = []
_logo = ""


class Plugin(pwem.Plugin):
    """Has no variables and no binaries."""

    @classmethod
    def _defineVariables(cls):
        pass

    @classmethod
    def defineBinaries(cls, env):
        pass
