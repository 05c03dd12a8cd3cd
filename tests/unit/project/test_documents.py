"""Reading files: every fault is a problem with a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudify_scipion.project.documents import child_path, parse_json, read_json, read_yaml


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (b'{"a": 1, "a": 2}', "$.a", "written more than once"),
        (b'{"a": {"b-c": 1, "b-c": 2}}', "$.a['b-c']", "written more than once"),
        (b'[{"a": NaN}]', "$[0].a", "nan is not a number"),
        (b'{"a": -Infinity}', "$.a", "-inf is not a number"),
        (b'{"a": 1e999}', "$.a", "inf is not a number"),
        (b'{"a": "\\ud800"}', "$.a", "lone surrogate"),
        (b'{"\\ud800": 1}', "$", "lone surrogate"),
        (b"\xef\xbb\xbf{}", "$", "byte order mark"),
        (b"\xff\xfe{\x00}\x00", "$", "not UTF-8 text: byte 1"),
        (b'{"a": 1,}', "$", "; is there a comma too many before it?"),
        (b"", "$", "the file is empty"),
        (b" \n", "$", "the file is empty"),
        (b"null", "$", "there is nothing in it"),
        (b"[" * 100_000, "$", "nested too deeply"),
        (b"[" * 200 + b"]" * 200, "$", "nested too deeply"),
        (b"9" * 10_000, "$", "digits"),
    ],
)
def test_faulty_json(text: bytes, path: str, message: str) -> None:
    problems = parse_json(text, "p.json").problems
    assert [problem.source for problem in problems] == ["p.json"]
    assert problems[0].path == path
    assert message in problems[0].message


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (b"a: 1\na: 2\n", "$.a", "written more than once"),
        (b"a: .nan\n", "$.a", "nan is not a number"),
        (b"1: x\n", "$", "the key 1 is not text"),
        (b"on: x\n", "$", "the key True is not text"),
        (b"a: [1\n", "$", "not YAML: expected ',' or ']'"),
        (b"a: !!python/object:os.system x\n", "$", "not YAML: could not determine a constructor"),
        (b"&a [*a]\n", "$", "nested too deeply"),
        (b"a: \x00\n", "$", "not YAML: "),
        (b"? [a]\n: 1\n", "$", "is not text"),
        (b"# only a comment\n", "$", "there is nothing in it"),
        (b"", "$", "the file is empty"),
        (b"a: 1\n---\nb: 2\n", "$", "but found another document"),
    ],
)
def test_faulty_yaml(tmp_path: Path, text: bytes, path: str, message: str) -> None:
    (tmp_path / "s.yaml").write_bytes(text)
    problems = read_yaml(tmp_path / "s.yaml", "s.yaml").problems
    assert [problem.path for problem in problems] == [path]
    assert message in problems[0].message


def test_a_bomb_of_aliases_ends_quickly(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (tmp_path / "s.yaml").write_text("\n".join(lines))
    document = read_yaml(tmp_path / "s.yaml", "s.yaml")
    assert document.value is None
    assert "more than 200,000 values" in document.problems[0].message


def test_all_faults_at_once() -> None:
    document = parse_json(b'\xef\xbb\xbf{"a": 1, "a": 2, "b": [NaN, NaN]}', "p.json")
    assert [problem.path for problem in document.problems] == ["$", "$.a", "$.b[0]", "$.b[1]"]


def test_files(tmp_path: Path) -> None:
    (tmp_path / "big.json").write_bytes(b" " * 101)
    (tmp_path / "good.yaml").write_text("a: [1, x]\n")
    assert "no such file" in read_json(tmp_path / "none.json", "x").problems[0].message
    assert "a folder" in read_json(tmp_path, "x").problems[0].message
    assert "larger than 100 bytes" in read_json(tmp_path / "big.json", "x", 100).problems[0].message
    assert "cannot be read" in read_json(Path("/proc/self/mem"), "x").problems[0].message
    assert read_yaml(tmp_path / "good.yaml", "x").value == {"a": [1, "x"]}


def test_paths() -> None:
    assert child_path("$", "a_1") == "$.a_1"
    assert child_path("$.a", "b-c") == "$.a['b-c']"
    assert child_path("$.a", "it's\n") == '$.a["it\'s\\n"]'
    assert child_path("$.a", 3) == "$.a[3]"
