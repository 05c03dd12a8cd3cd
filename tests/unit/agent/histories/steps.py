"""What may happen in a history, as Hypothesis draws it: tuples of a method's name and its arguments."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.agent.histories.history import Step
from tests.unit.agent.histories.trouble import ERRORS, OF_FILES, OF_FOLDERS
from tests.unit.agent.histories.writers import MODES

Steps = tuple[st.SearchStrategy[Step], ...]
Names = st.SearchStrategy[str]

FOLDERS = ("", "a", "b", "a/c")
NAMES = ("x", "y", "z sp", "w\n", "ü", "o\udcff", "n" * 255)
PATHS = tuple(f"{folder}/{name}".lstrip("/") for folder in FOLDERS for name in NAMES)

paths = st.sampled_from(PATHS)
kill = st.one_of(st.just(0), st.integers(1, 60))


def step(name: str, *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(name), *arguments)


def people(paths: Names) -> Steps:
    return (
        step("write", paths),
        step("write", paths),
        step("append", paths),
        step("delete", paths),
        step("rename", paths, paths),
        step("move_folder", st.sampled_from(FOLDERS[1:]), st.sampled_from(("b", "d", "a/e", "f"))),
        step("link", paths),
        step("hardlink", paths, paths),
        step("clear", st.sampled_from(FOLDERS)),
        step("swap", paths, paths),
        step("folder_made", st.sampled_from(("d", "a/e", "b/g/h"))),
        step("mode", st.sampled_from((*PATHS, *FOLDERS[1:])), st.sampled_from((0o755, 0o700, 0o600, 0o777, 0o444))),
        step("time", paths, st.sampled_from((1, 999_999_999, 1_500_000_000_123_456_789))),
    )


def web(paths: Names) -> Steps:
    return (
        step("web_write", paths),
        step("web_delete", paths),
        step("web_rename", paths, paths),
        step("web_link", paths),
        step("web_clear", st.sampled_from(FOLDERS[1:]), st.booleans()),
    )


PEOPLE, WEB = people(paths), web(paths)
MACHINES: Steps = (
    step("race", paths, st.integers(1, 30)),
    step("seal", kill),
    step("snapshot"),
    step("rollback"),
    step("jump", st.sampled_from((-100_000.0, -60.0, 86_400.0))),
    step("push", kill),
    step("push", kill),
    step("scan", kill),
    step("answer", st.integers(0, 1)),
    step("reboot"),
    step("replace", st.booleans(), kill),
    step("zombie", kill),
    step("pass", st.sampled_from((1.0, 300.0, 4000.0))),
)
databases = st.sampled_from(("x", "y", "ü", "a/x", "a/c/x", "b/w\n"))
DATABASES: Steps = (
    step("database", databases, st.sampled_from(MODES)),
    step("database", databases, st.sampled_from(MODES)),
    step("begin", databases, st.sampled_from(MODES), st.booleans()),
    step("commit", st.booleans()),
    step("die"),
    step("hardlink", databases, databases),
    step("hardlink", databases, databases),
    step("web_database", databases, st.booleans()),
)
few = st.sampled_from(("x", "a/y", "a/z"))
UPLOADS: Steps = (
    *people(few),
    step("upload", few),
    step("upload", paths),
    step("scan", st.just(0)),
    step("upload_more"),
    step("upload_more"),
    step("upload_whole"),
)
BACKUPS: Steps = (step("keep_space"), step("space_back"))
SNAPSHOTS: Steps = (step("keep_volume"), step("volume_back"))
FORKS: Steps = (
    step("forked"), step("fork_saves", paths), step("fork_saves", few), step("web_write", few), step("web_write", few),
    step("scan", st.just(0)),
)  # fmt: skip
FULL: Steps = (step("full", st.sampled_from((0, 10, 300, 2000))), step("mended"))
BROKEN: Steps = (
    step("broken", paths, st.sampled_from(OF_FILES), st.sampled_from(ERRORS)),
    step("broken", st.sampled_from(FOLDERS[1:]), st.sampled_from(OF_FOLDERS), st.sampled_from(ERRORS)),
    step("mended"),
)
CHANGED: Steps = (*people(few), *people(few)[:3], *web(few), step("push", st.just(0)), step("push", st.just(0)))
"""A few files that are changed again and again."""
ODD_NAMES = ("x", "X", "é", "e\u0301", "q?", "o\udcff", "l" * 200)
odd = st.sampled_from([f"{folder}/{name}".lstrip("/") for folder in ("", "a", "A", "b.") for name in ODD_NAMES])
ODD: Steps = (
    *people(odd),
    *web(odd),
    step("move_folder", st.sampled_from(("a", "A")), st.sampled_from(("a", "A", "d"))),
    step("hardlink", odd, odd),
    step("hardlink", odd, odd),
)
