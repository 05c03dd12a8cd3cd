"""What the agent knows: the index of the working copy and of what the data space holds of it. One SQLite file.

It lies on the volume, outside the user's tree. Losing it loses no data: then everything is compared by content.
"""

from __future__ import annotations

from cloudify_scipion.agent.ports.tables.attempts import Attempts
from cloudify_scipion.agent.ports.tables.base import Base
from cloudify_scipion.agent.ports.tables.changes import Changes
from cloudify_scipion.agent.ports.tables.listing import Listing
from cloudify_scipion.agent.ports.tables.trash import Trash


class Index(Changes, Listing, Base, Attempts, Trash):
    """The index; changes are kept by `commit`, all or nothing."""

    reserves = True
