"""docs/data-safety.md: every promise has a test; messages, commands, paths and numbers are the code's."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from cloudify_scipion.agent import cli, config, errors, status, trash_list
from cloudify_scipion.agent.plan import guards, lease, manifest, names
from cloudify_scipion.agent.work import questions, seal, space, uploads
from cloudify_scipion.lifecycle import space as machine
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
            yield node.value
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
    files = {path.decode().removeprefix(reserved) for path in (space.MARK, seal.REMOTE)}
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
        f"({uploads.BATCH} files, up to {uploads.MOST} of one folder, or {uploads.BATCH_BYTES / 1e6:.0f} MB",
        f"name of up to {names.MAX_NAME} bytes",
    ],
)
def test_numbers(told: str) -> None:
    assert told in FLAT


def test_times_of_the_timers() -> None:
    module = (ROOT / "puppet/modules/working_copy/manifests/init.pp").read_text(encoding="utf-8")
    module += (ROOT / "puppet/modules/working_copy/data/common.yaml").read_text(encoding="utf-8")
    assert re.search(r"push_minutes\D*5\b", module) and re.search(r"scan_minutes\D*60\b", module)
    assert "Every 5 minutes" in FLAT and "every 60 minutes" in FLAT
    assert uploads.TRIES == 3 and "after three times" in FLAT


def test_exit_codes() -> None:
    (line,) = re.findall(r"Exit codes of a work: ([^\n]+\n[^\n]+)", text(PAGE))
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.AgentError)]
    told = {int(code) for code in re.findall(r"(?:^|, |\n)(\d+) ", line)}
    assert told == {kind.code for kind in kinds} | {0}


def test_marks_in_the_manifest() -> None:
    entry = manifest.Entry(b"a", "f", point=True)
    assert '"pt": true' in text(PAGE) and entry.row()["pt"] is True
    assert set(status.WORKS) >= {"push", "scan", "verify"}
