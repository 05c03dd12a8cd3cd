"""What may happen in a history, as Hypothesis draws it: tuples of a method's name and its arguments."""

from __future__ import annotations

from hypothesis import strategies as st

Step = tuple[object, ...]
Steps = tuple[st.SearchStrategy[Step], ...]

FOLDERS = ("", "a", "b", "a/c")
NAMES = ("x", "y", "z sp", "w\n", "ü", "o\udcff", "n" * 255)
PATHS = tuple(f"{folder}/{name}".lstrip("/") for folder in FOLDERS for name in NAMES)

paths = st.sampled_from(PATHS)
kill = st.one_of(st.just(0), st.integers(1, 60))


def step(name: str, *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(name), *arguments)


PEOPLE: Steps = (
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
WEB: Steps = (
    step("web_write", paths),
    step("web_delete", paths),
    step("web_rename", paths, paths),
    step("web_link", paths),
    step("web_clear", st.sampled_from(FOLDERS[1:]), st.booleans()),
)
MACHINES: Steps = (
    step("race", paths, st.integers(1, 30)),
    step("seal", kill),
    step("snapshot"),
    step("rollback"),
    step("jump", st.sampled_from((-100_000.0, -60.0, 86_400.0))),
    step("push", kill),
    step("push", kill),
    step("scan", kill),
    step("answer", st.sampled_from(("delete", "restore"))),
    step("reboot"),
    step("replace", st.booleans(), kill),
    step("zombie", kill),
    step("pass", st.sampled_from((1.0, 300.0, 4000.0))),
)
steps = st.one_of(*PEOPLE, *WEB, *MACHINES)
