"""Long random histories of a user, the data space's web pages, machines that die and agents that are killed.

In the end, whatever anybody gave a path last is in the data space, its trash, or a conflict's copy; the agent has never
changed or removed anything in a working copy; and a new machine gets what the old one had.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings

from tests.unit.agent.histories.flavours import NAMES, drawn, live
from tests.unit.agent.histories.history import Step

EXAMPLES = int(os.environ.get("HISTORIES", "500"))
"""So many of the same histories at every run, of all flavours together; another number takes others each time."""


@pytest.mark.long
@pytest.mark.parametrize("flavour", NAMES)
def test_nothing_is_ever_lost(flavour: str) -> None:
    @settings(
        max_examples=-(-EXAMPLES // len(NAMES)), deadline=None, derandomize=EXAMPLES == 500,
        suppress_health_check=list(HealthCheck), print_blob=True,
    )  # fmt: skip
    @given(drawn(flavour))
    def histories(history: list[Step]) -> None:
        live(history)

    histories()


FOUND: dict[str, list[Step]] = {
    "the mode of a folder that the umask narrows": [("write", "a/x"), ("mode", "a", 0o777)],
    "a database of the facility with its -wal": [("web_database", "x", True)],
    "its -wal beside the user's database": [("database", "x", "wal"), ("web_database", "x", True), ("scan", 0)],
    "its -wal and a new database of a dead writer": [("web_database", "x", True), ("begin", "x", "delete", True)],
    "its -wal and a plain file": [("write", "x"), ("web_database", "x", True)],
    "an index from before a takeover": [("snapshot",), ("replace", True, 0), ("rollback",)],
    "the first part of an upload": [("upload", "y"), ("scan", 0), ("upload_more",), ("scan", 0)],
    "the first part of one that rests": [("upload", "y"), ("scan", 0), ("scan", 0), ("push", 0)],
    "names of one file whose time was set": [
        ("write", "y"), ("push", 0), ("hardlink", "y", "z"), ("time", "y", 15 * 10**17),
    ],
    "names of one file, of which the space refuses the first": [
        ("kind", "refusing"), ("write", "é"), ("hardlink", "é", "q?"),
    ],
    "names of one file, of which the space takes the first for another's": [
        ("kind", "case"), ("write", "A/é"), ("write", "x"), ("hardlink", "x", "a/é"),
    ],
    "another name of the first part of an upload": [
        ("upload", "y"), ("scan", 0), ("hardlink", "y", "z sp"), ("upload_more",),
    ],
    "the mode of the first part of an upload": [("upload", "y"), ("scan", 0), ("mode", "y", 0o600), ("upload_more",)],
    "an index from before an upload": [("snapshot",), ("upload", "y"), ("scan", 0), ("upload_more",), ("rollback",)],
    "a file of the facility that a clone has another version of": [
        ("write", "x"), ("forked",), ("race", "b/y", 4), ("scan", 29), ("race", "b/y", 4), ("fork_saves", "a/x"),
    ],
    "a file that was cleared before a clone wrote another": [
        ("write", "a/x"), ("forked",), ("seal", 0), ("web_clear", "a", False), ("fork_saves", "a/x"),
    ],
    "an empty database as the first version of an hour": [
        ("begin", "x", "wal", True), ("push", 0), ("database", "x", "wal"), ("push", 0), ("write", "x"),
    ],
    "no room for the lease of another machine": [("full", 10), ("replace", False, 0), ("full", 2000), ("zombie", 0)],
    "a folder that a new machine cannot list": [
        ("write", "b/y"), ("push", 0), ("broken", "b", "entries", 36), ("replace", False, 0), ("seal", 0),
    ],
    "a file in the place of a folder of which a machine knows the spelling": [
        ("kind", "case"), ("web_write", "A/x"), ("scan", 0), ("push", 0), ("web_clear", "a", True),
        ("replace", False, 0), ("seal", 0),
    ],
    "another name of a database that a writer has open": [("begin", "x", "wal", False), ("hardlink", "x", "a/y")],
    "another name of a new database": [("begin", "x", "delete", True), ("hardlink", "x", "a/y"), ("push", 0)],
    "a version that others replaced while a push was at work": [
        ("web_write", "ü"), ("link", "a/ü"), ("write", "a/c/y"), ("scan", 48), ("race", "ü", 2), ("seal", 24),
    ],
    "a link that others changed after what an older index reads first": [
        ("kind", "tiny trash"), ("web_link", "x"), ("snapshot",), ("seal", 0), ("web_link", "x"), ("clear", ""),
        ("rollback",),
    ],
    "the first part of an upload that a killed look has brought": [
        ("upload", "x"), ("upload", "n" * 255), ("web_write", "a/" + "n" * 255), ("scan", 31), ("race", "y", 10),
    ],
    "another name of a database where others have one with its -wal": [
        ("database", "a/c/x", "wal"), ("push", 0), ("web_database", "a/x", True), ("hardlink", "a/c/x", "a/x"),
        ("push", 0), ("web_clear", "a", True),
    ],
    "a database where others have one with its -wal": [
        ("folder_made", "a"), ("push", 0), ("web_database", "a/x", True), ("database", "a/x", "delete"), ("push", 0),
        ("web_clear", "a", True),
    ],
    "a file that others renamed after a look that was killed": [
        ("write", "a/x"), ("seal", 0), ("scan", 9), ("web_rename", "a/x", "a/y"), ("seal", 0),
    ],
    "a folder that cannot be made": [("folder_made", "a/e"), ("broken", "a", "mkdir", 22), ("push", 0)],
}  # fmt: skip
"""Short histories that lost something once."""


@pytest.mark.parametrize("name", FOUND)
def test_what_once_went_wrong(name: str) -> None:
    live(FOUND[name])
