"""What the agent knows: the index of the working copy and of what the data space holds of it. One SQLite file.

It lies on the volume, outside the user's tree. Losing it loses no data: then everything is compared by content.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cloudify_scipion.agent.plan import digests
from cloudify_scipion.agent.plan.digests import UnknownAlgorithm, use
from cloudify_scipion.agent.ports.tables.attempts import Attempts
from cloudify_scipion.agent.ports.tables.base import Base
from cloudify_scipion.agent.ports.tables.changes import Changes
from cloudify_scipion.agent.ports.tables.files import Files
from cloudify_scipion.agent.ports.tables.folders import Folders
from cloudify_scipion.agent.ports.tables.gone import Gone
from cloudify_scipion.agent.ports.tables.journal import Journal
from cloudify_scipion.agent.ports.tables.listing import Listing
from cloudify_scipion.agent.ports.tables.people import People
from cloudify_scipion.agent.ports.tables.store import OtherVersion, Store
from cloudify_scipion.agent.ports.tables.trash import Trash

INDEX = "index.sqlite"
"""Its file in the agent's folder."""
DIGESTS = "digests"
"""The algorithms by which its digests were made."""
WAITING = "waiting"
"""How many files wait in folders in whose places held files were."""


class Index(Store):
    """The index in its parts; changes of all of them are kept by `commit`, all or nothing."""

    reserves = True

    def __init__(self, path: Path | str, reading: bool = False) -> None:
        super().__init__(path, reading)
        self.folders, self.journal = Folders(self), Journal(self)
        self.files = Files(self, self.folders, self.journal)
        self.people = People(self)
        self.gone = Gone(self, self.people)
        self.changes = Changes(self, self.files, self.gone)
        self._must_know_digests()
        self.attempts, self.listing, self.base, self.trash = Attempts(self), Listing(self), Base(self), Trash(self)

    def _must_know_digests(self) -> None:
        """Have the algorithms of all digests in it used, and the newest named by it. Raises OtherVersion."""
        named = self.get_state(DIGESTS) or []
        try:
            use(named)
        except UnknownAlgorithm as error:
            self.db.close()
            raise OtherVersion(error.what) from error
        if digests.ALGORITHM not in named and not self.reading:
            self.set_state(DIGESTS, [*named, digests.ALGORITHM])

    def unsaved(self, asked: Sequence[str] = ()) -> int:
        """How many known files the data space does not hold as they are here, or wait for the answers to `asked`."""
        return self.files.absent() + self.attempts.tried(asked) + int(self.get_state(WAITING) or 0)
