"""What every work has at hand."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cloudify_scipion.agent.config import Config
from cloudify_scipion.agent.plan.abilities import Abilities
from cloudify_scipion.agent.plan.names import ORIGINAL, TEMPORARY, joined, temporary_name
from cloudify_scipion.agent.plan.trash import lived
from cloudify_scipion.agent.ports.clock import Clock
from cloudify_scipion.agent.ports.databases.patience import Patience
from cloudify_scipion.agent.ports.index import Index
from cloudify_scipion.agent.ports.mount import is_read_only
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.parallel import WORKERS, In, Out, each
from cloudify_scipion.agent.work.telling import Progress, Telling

LIVED = "lived"
"""How long the agent has lived, and when that was: seconds, boot, seconds since that boot."""
PULLED = "pulled"
"""In the index once the first pull is complete."""


@dataclass
class Session:
    """Our turn at the data space, while the lease is ours."""

    generation: int = 0
    beaten: float = 0.0
    """When the last heartbeat was, on the clock that does not jump."""
    beat: Callable[[], None] = lambda: None
    """Called often while others work: renews the lease when it is time to."""
    unseen: tuple[bytes, str] | None = None
    """The path of the lease and why, if it could not be seen while our last heartbeat still counts."""
    unsettled: bool = False
    """Whether something was moved in the data space that may not be on stable storage yet."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _count: int = 0

    def nonce(self) -> str:
        """Something that no other name of ours has."""
        with self._lock:
            self._count += 1
            return f"{os.getpid()}-{self._count}-{os.urandom(4).hex()}"

    def unfinished(self, generation: int = 0) -> bytes:
        """A new path in the data space for what is not finished."""
        return joined(TEMPORARY, temporary_name(generation or self.generation, self.nonce()))


@dataclass
class Learnt:
    """What this work has found out."""

    able: Abilities | None = None
    """What the data space can hold, once that is known."""
    too_large: int | None = None
    """A size (bytes) that was too large for one file there."""
    trash_folders: set[bytes] = field(default_factory=set)
    """Folders of the trash that were made, or seen there."""
    theirs: int = ORIGINAL
    """Who wrote what we did not: the facility, until the first pull is complete."""
    flushed: int = 0
    """When (ns since 1970) the kernel began to write the working copy's changed pages. What is changed later through a
    memory map may have no new time until they are written again, so it is compared by content next time."""


@dataclass(frozen=True)
class World:
    """The ports of a work, its turn at the data space, what it has learnt, and how it tells."""

    config: Config
    tree: Tree
    state: Tree
    space: Tree
    index: Index
    clock: Clock
    progress: Progress
    workers: int = WORKERS
    session: Session = field(default_factory=Session)
    learnt: Learnt = field(default_factory=Learnt)
    telling: Telling = field(default_factory=Telling)
    patience: Patience = field(default_factory=Patience)
    """With databases that others have locked."""
    is_closed: Callable[[World], bool] = lambda world: is_read_only(world.config.user_path)
    """Whether nobody can change the working copy any more, as far as the kernel tells."""

    def tell(self, text: str, kind: str = "event") -> None:
        """Remember something worth telling; from any thread."""
        self.telling.tell(text, kind)

    def tell_new(self, key: str, texts: Mapping[str, str]) -> None:
        """Alarm people by those of these texts, by names, that the index has not had under a key the last time."""
        told = self.index.get_state(key, [])
        for name, text in texts.items():
            if name not in told:
                self.tell(text, "alarm")
        if list(texts) != told:
            self.index.set_state(key, list(texts))

    def commit_and_tell(self) -> None:
        """Keep all changes of the index, and what was told."""
        self.telling.keep(self.index, self.clock.iso())
        self.commit()

    def commit(self) -> None:
        """Keep all changes of the index. What it says of the data space is true by then, whatever happens to the host.

        (A power cut takes what the host's disk has not got; elsewhere the provider has each file by then.)
        """
        if self.session.unsettled and self.config.syncs_whole:
            self.space.sync()
        self.session.unsettled = False
        self.index.commit()

    def stamp_dirty_pages(self) -> None:
        """Have all changes of the working copy written, so that every later one gives a file a new time."""
        self.learnt.flushed = int(self.clock.now() * 1e9)
        self.tree.sync()

    def lived(self) -> float:
        """Seconds that the agent has lived, for whatever ages: no clock that is set and no boot makes it jump."""
        before, boot, since = self.index.get_state(LIVED) or (0.0, "", 0.0)
        now = self.clock.elapsed()
        seconds = lived(before, since, now, boot == self.clock.boot())
        self.index.set_state(LIVED, (seconds, self.clock.boot(), now))
        return seconds

    def each(self, do: Callable[[In], Out], items: Iterable[In]) -> Iterator[tuple[In, Out | OSError]]:
        """Do something with all items, several at a time; yields each with its result or error, as they end."""
        return each(do, items, self.workers, self.session.beat)
