"""The random histories of `tests/unit/agent` on a data space that misbehaves, now in one way and then in another."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from cloudify_scipion.agent.errors import AgentError, Unsaved
from tests.hostile.space import HostileSpace
from tests.unit.agent.histories.books import Work
from tests.unit.agent.histories.history import History, Step
from tests.unit.agent.histories.steps import MACHINES, PEOPLE, WEB
from tests.unit.agent.rig import Rig

pytestmark = pytest.mark.long
EXAMPLES = int(os.environ.get("HOSTILE_HISTORIES", "80"))
"""So many of the same at every run; another number takes others each time."""

KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"coarse_times": True},
    {"no_symlinks": True},
    {"no_odd_names": True},
    {"no_rename_flags": True, "rename_copies": True},
    {"no_chown": True, "no_chmod": True, "no_links": True},
    {"no_utime": True},
    {"no_utime": "ignore"},
    {"eagain_every": 3, "eagain_kinds": ("write", "fsync", "rename", "unlink", "mkdir", "open", "read", "utimens")},
    {"stale_attributes": 0.05},
    {"coarse_times": True, "no_symlinks": True, "no_rename_flags": True, "no_utime": True, "direct_io": True},
)
"""What a data space is like all the time."""
FAULTS: tuple[dict[str, Any], ...] = (
    {"fails_at": "flush"},
    {"fails_at": "fsync"},
    {"fails_at": "fsync", "fails_with": "ENOSPC"},
    {"enospc_after": 10},
    {"enospc_after": 1500},
    {"read_only": True},
    {"empty": True},
    {"error": "EIO"},
    {"error": "EIO", "error_kinds": ("rename",)},
    {"error": "EIO", "error_kinds": ("read",)},
    {"error": "EIO", "error_kinds": ("create",)},
    {"error": "EIO", "error_kinds": ("getattr",), "only": "*[xy]"},
    {"error": "EIO", "error_kinds": ("unlink", "utimens")},
    {"no_rename_flags": True, "rename_copies": True, "rename_stops": "half"},
    {"no_rename_flags": True, "rename_copies": True, "rename_stops": "copied"},
    {"eagain_every": 1},
)
"""What goes wrong during one work."""
faults = st.tuples(st.just("fault"), st.sampled_from(("push", "push", "scan")), st.sampled_from(FAULTS))
ordinary = st.one_of(*PEOPLE, *WEB, *MACHINES)
hostile_steps = st.one_of(ordinary, ordinary, ordinary, ordinary, faults)


@dataclass
class HostileHistory(History):
    """The web UI's part is done in the folder that the mount stands on, `there`."""

    mounted: HostileSpace = field(kw_only=True)
    backing: Path = field(kw_only=True)
    wrong: dict[str, Any] = field(kw_only=True)

    def place(self) -> Path:
        there = self.backing / self.folder.name
        there.mkdir()
        self.mounted.set(**self.wrong)
        return there

    def machine(self, name: str, **named: Any) -> Rig:
        return Rig(self.folder / name, self.mounted.space / self.folder.name, workers=1, syncs_whole=False, **named)

    def fault(self, work: str, how: dict[str, Any]) -> None:
        """Whatever a work says, and however much it has done: the next ones put it right."""
        self.mounted.set(**how)
        try:
            getattr(self, work)(0)
        except (AgentError, OSError):
            pass
        finally:
            self.mounted.good()
            self.mounted.set(**self.wrong)

    def work(self, name: str, kill: int, work: Work) -> None:
        """What is not any more what old attributes say (a link, say) is taken once they are renewed."""
        try:
            super().work(name, kill, work)
        except Unsaved:
            if not self.wrong.get("stale_attributes"):
                raise
            time.sleep(2 * self.wrong["stale_attributes"])
            super().work(name, kill, work)

    def web_write(self, path: str) -> None:
        """Two versions of one size in one second, while the machine's clock is wrong, are one to a scan; only `verify`
        reads the content. So people take a second here."""
        super().web_write(path)
        target = self.there / path
        if self.wrong.get("coarse_times") and target.is_file() and not target.is_symlink():
            os.utime(target, (1_600_000_000 + self.count,) * 2)

    def held(self, found: dict[str, bytes]) -> dict[str, bytes]:
        links, names = not self.wrong.get("no_symlinks"), not self.wrong.get("no_odd_names")
        return {
            path: content
            for path, content in found.items()
            if (links or not content.startswith(b"-> ")) and (names or path.isprintable())
        }


@pytest.fixture(scope="module")
def backing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backing")


@pytest.mark.parametrize("part", range(2))
def test_nothing_is_ever_lost_on_a_hostile_space(part: int, backing: Path) -> None:
    """Two halves, for two processors."""
    with HostileSpace(backing) as mounted:

        @settings(
            max_examples=EXAMPLES // 2, deadline=None, print_blob=True, database=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(st.sampled_from(KINDS), st.lists(hostile_steps, min_size=30, max_size=40))
        def histories(wrong: dict[str, Any], history: list[Step]) -> None:
            mounted.good()
            with tempfile.TemporaryDirectory(prefix=f"part-{part}-") as folder:
                world = HostileHistory(Path(folder), mounted=mounted, backing=backing, wrong=wrong)
                world.live(history)

        seed(part + (0 if EXAMPLES == 80 else time.time_ns()))(histories)()
