"""docs/data-safety.md: every promise has a test; messages, commands, paths and numbers are the code's."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from cloudify_scipion.agent import cli, config, errors, status, trash_list
from cloudify_scipion.agent.plan import digests, guards, lease, manifest, names, trash
from cloudify_scipion.agent.ports import ballast, holes
from cloudify_scipion.agent.ports.databases import copying, pool
from cloudify_scipion.agent.work import questions
from cloudify_scipion.agent.work.pull import can_come, pull, settle
from cloudify_scipion.agent.work.push import tally, upload_all
from cloudify_scipion.agent.work.seal import seal
from cloudify_scipion.agent.work.space import check, health, room
from cloudify_scipion.lifecycle import space as machine
from cloudify_scipion.lifecycle import working_copy
from tests.docs.pages import ROOT, blocks, text

PAGE = "docs/data-safety.md"
PROMISES = re.findall(r"^### (.+)\n((?:(?!^##).*\n)*)", text(PAGE).split("## What happens")[0], re.MULTILINE)
FLAT = " ".join(text(PAGE).split())
"""Without regard to where its lines end."""
PLAIN = re.sub(r"```.*?```", "", text(PAGE), flags=re.DOTALL)
QUOTED = sorted(set(re.findall(r'"([^"`]+)"', PLAIN)))
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", text(PAGE))))
TYPED = [line for block in blocks(PAGE) for line in block.lines if line.startswith("scipion-data ")]
INLINE = re.findall(r"`(scipion-data [a-z][^`]*)`", PLAIN)


def test_there_are_promises() -> None:
    assert len(PROMISES) > 10 and len(NAMED) > 40 and len(QUOTED) > 15 and len(TYPED) > 5


@pytest.mark.parametrize(("title", "told"), PROMISES, ids=[title for title, _ in PROMISES])
def test_every_promise_has_a_proof(title: str, told: str) -> None:
    assert "Proof:" in told and "::test_" in told.split("Proof:")[1], title


@pytest.mark.parametrize("name", NAMED)
def test_every_test_exists(name: str) -> None:
    path, _, function = name.partition("::")
    assert function in functions(ROOT / path)


@cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_nothing_that_looks_like_a_test_is_misspelt() -> None:
    assert len(re.findall(r"tests/", text(PAGE))) == len(re.findall(r"`tests/[\w/]+\.py::\w+`", text(PAGE)))


@pytest.mark.parametrize("message", QUOTED)
def test_every_message_exists(message: str) -> None:
    """`...` stands for what differs."""
    wanted = message.strip(". ")
    assert any(wanted in said for said in messages()), message


@cache
def messages() -> tuple[str, ...]:
    """All texts of the code; what is put into one is `...`."""
    files = sorted((ROOT / "cloudify_scipion").rglob("*.py"))
    return tuple(said for path in files for said in _texts(ast.parse(path.read_text(encoding="utf-8"))))


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.replace("{}", "...")
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)


@pytest.mark.parametrize("line", TYPED + INLINE)
def test_commands_of_the_agent(line: str) -> None:
    words = re.split(r"\s{2,}", line)[0].split()[1:]
    given = cli._parser().parse_args(words)  # ends the test for what does not exist
    if words[0] == "answer":
        assert (given.id, given.word) in answers()


def answers() -> set[tuple[str, str]]:
    """The questions that the agent asks, with their answers."""
    tree = ast.parse(Path(questions.__file__).read_text(encoding="utf-8"))
    asked = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "ask"]
    found = set()
    for call in asked:
        name = getattr(questions, ast.unparse(call.args[0]))
        found |= {(name, word) for word in ast.literal_eval(call.args[2])}
    return found


def test_answers_in_the_text() -> None:
    for word in {word for _, word in answers()}:
        assert f"`{word}`" in PLAIN or f"{word}" in "".join(TYPED)


def test_paths_in_the_data_space() -> None:
    named = re.findall(r"^\| `([^`]+)` \|", text(PAGE).split("## What lies")[1], re.MULTILINE)
    reserved = names.RESERVED.decode() + "/"
    known = {names.LEASE, names.MANIFEST, names.ODD, names.TEMPORARY, names.KEPT, names.THEIRS}
    folders = {path.decode().removeprefix(reserved) + "/" for path in known}
    files = {path.decode().removeprefix(reserved) for path in (check.MARK, seal.REMOTE)}
    assert set(named) == folders | files | {"trash/HOUR-gN/"}
    assert names.trash_folder("HOUR", 7).decode() == reserved + "trash/HOUR-g7"
    assert machine.PROJECT in text(PAGE)


def test_the_example_of_the_trash() -> None:
    (line,) = [line for block in blocks(PAGE) for line in block.lines if "trash/2" in line]
    path = names.trash_folder("20260102T03", 1) + b"/" + names.trash_name(b"Runs/000002_ProtImport/my file.star")
    assert line == path.decode()


@pytest.mark.parametrize(
    "told",
    [
        f"at least {guards.MASS_FILES} that are more than {guards.MASS_SHARE * 100:.0f} %",
        f"may hold {config.TRASH_BYTES / 1e9:.0f} GB",
        f"at least {config.TRASH_DAYS} days",
        f"less than {config.ROOM_PERCENT} % of the data space",
        f"the newest {trash_list.LISTED} versions",
        f"silent for {lease.VALID_SECONDS / 60:.0f} minutes",
        f"({upload_all.BATCH} files, up to {upload_all.MOST} of one folder, or {upload_all.BATCH_BYTES / 1e6:.0f} MB",
        f"name of up to {names.MAX_NAME} bytes",
    ],
)
def test_numbers(told: str) -> None:
    assert told in FLAT


@pytest.mark.parametrize(("told", "is_so"), [
    (f"({upload_all.LARGE_BYTES / 1e6:.0f} MB and more)", True),
    ("after five minutes of them", upload_all.ROUND_SECONDS == 300),
    (f"({can_come.RESERVE_BYTES / 1e6:.0f} MB are left", True),
    (f"has read {settle.VAIN} files for nothing", True),
    (f"then after {tally.FIRST_SECONDS / 60:.0f} minutes", True),
    (f"every {tally.MOST_SECONDS / 3600:.0f} hours at last", True),
    (f"A file of {tally.LARGE / 1e6:.0f} MB or more that fails", True),
    (f"Holes of files of {holes.WORTH / 1e6:.0f} MB or more", True),
    (f"a file of {ballast.BYTES / 1e6:.0f} MB at most, `agent/ballast`", True),
    (f"a twentieth of the whole, {room.LEFT_BYTES / 1e9:.0f} GB at most", room.LEFT_SHARE == 20),
    ("no more than a quarter of the data space", trash.SHARE == 4),
    ("less than a thousandth of the limit, may go over it by a tenth", (trash._SMALL, trash._SPARE) == (1000, 10)),
    ("once an hour", trash.HOUR == 3600),
    ("not changed for two minutes", can_come.QUIET_NS == 120e9),
    ("tried again for a minute and a half", 80 < sum(pull.AGAIN_SECONDS) <= 90),
    ("if it stays after three rounds", seal.ROUNDS == 3),
    ("for a quarter of a second or so", copying.Limits().slice == 0.25),
    ("costs one database, after a minute", pool.STALL_SECONDS == 60),
    (f"within {working_copy.HEALTH_SECONDS:.0f} seconds", health.SECONDS < working_copy.HEALTH_SECONDS),
    (f"From {digests.BIG >> 30} GiB on", digests.BLOCK == 64 << 10),
])  # fmt: skip
def test_numbers_in_words(told: str, is_so: bool) -> None:
    assert told in FLAT and is_so


def test_the_machine_opens_a_broken_seal_after_ten_minutes() -> None:
    timer = (ROOT / "puppet/modules/working_copy/files/scipion-data-reopen.timer").read_text(encoding="utf-8")
    assert "OnActiveSec=10min\nOnUnitInactiveSec=10min" in timer
    assert "after 10 minutes without a work of the agent" in FLAT


def test_times_of_the_timers() -> None:
    module = (ROOT / "puppet/modules/working_copy/manifests/init.pp").read_text(encoding="utf-8")
    module += (ROOT / "puppet/modules/working_copy/data/common.yaml").read_text(encoding="utf-8")
    assert re.search(r"push_minutes\D*5\b", module) and re.search(r"scan_minutes\D*60\b", module)
    assert "Every 5 minutes" in FLAT and "every 60 minutes" in FLAT
    assert upload_all.TRIES == 3 and "after three times" in FLAT


def test_exit_codes() -> None:
    (line,) = re.findall(r"Exit codes of a work: ([^\n]+\n[^\n]+)", text(PAGE))
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.AgentError)]
    told = {int(code) for code in re.findall(r"(?:^|, |\n)(\d+) ", line)}
    assert told == {kind.code for kind in kinds} | {0}


def test_marks_in_the_manifest() -> None:
    entry = manifest.Entry(b"a", "f", point=True)
    assert '"pt": true' in text(PAGE) and entry.row()["pt"] is True
    assert set(status.WORKS) >= {"push", "scan", "verify"}
