"""Placeholders of templates: each of Scipion's types, with quotes and without, answered, defaulted, open, wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudify_scipion.project.importing.template import KINDS, MAX_PLACEHOLDERS, Filled, fill, is_template


def template(placeholder: str, quoted: bool = False) -> str:
    return 'Title, "quoted".\nMore [text].\n[\n  {"v": ' + (f'"{placeholder}"' if quoted else placeholder) + "}\n]"


def filled(placeholder: str, quoted: bool = False, **answers: str) -> Filled:
    return fill(template(placeholder, quoted), "t", answers)


def value(placeholder: str, quoted: bool = False, **answers: str) -> Any:
    result = filled(placeholder, quoted, **answers)
    assert not result.problems, result.problems
    return json.loads(result.text)[0]["v"]


@pytest.mark.parametrize(
    ("kind", "answer", "alone", "quoted"),
    [
        ("0", "a \\ b 'c' 東", "a \\ b 'c' 東", "a \\ b 'c' 東"),
        ("0", '"given with quotes"', "given with quotes", '"given with quotes"'),
        ("0", "300", "300", "300"),
        ("0", '"', '"', '"'),
        ("1", "true", True, "true"),
        ("1", "False", False, "false"),
        ("1", "1", True, "true"),
        ("1", "0", False, "false"),
        ("2", "/data/with space", "/data/with space", "/data/with space"),
        ("3", "42", 42, "42"),
        ("3", "-007", -7, "-7"),
        ("4", "2.70", 2.7, "2.70"),
        ("4", ".5", 0.5, "0.5"),
        ("4", "1e-3", 1e-3, "1e-3"),
        ("4", "+3.", 3.0, "3.0"),
        ("5", "gain.mrc", "gain.mrc", "gain.mrc"),
        ("6", "/data", "/data", "/data"),
    ],
)
def test_each_type(kind: str, answer: str, alone: Any, quoted: str) -> None:
    assert value(f"~Label||{kind}|name~", name=answer) == alone
    assert value(f"~Label||{kind}|name~", quoted=True, name=answer) == quoted
    assert value(f"~Label|{answer}|{kind}|name~") == alone


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        ("0", ["two\nlines", "\x1b[31m", "\ud800"]),
        ("1", ["", "yes", "2", "truee"]),
        ("2", ["", "a\tb"]),
        ("3", ["", "2.0", "1e3", "nan", "9" * 19, "٣"]),
        ("4", ["", "nan", "inf", "1e999", "1_000", "0x10", "1,5", "9" * 400, "--1"]),
        ("5", ["", "a/b"]),
        ("6", [""]),
    ],
)
def test_each_type_refuses(kind: str, answers: list[str]) -> None:
    for answer in answers:
        problems = [problem.message for problem in filled(f"~Label|1|{kind}|name~", name=answer).problems]
        wanted = f"line 4: {answer!r} for 'name' is not {KINDS[kind]}: answer with --set 'name=VALUE'"
        assert problems == [wanted]


def test_a_default_is_taken_and_said() -> None:
    question = filled("~Voltage|300|4|volt~").questions[0]
    assert (question.key, question.answer, question.origin) == ("volt", "300", "default of the template")
    answered = filled("~Voltage|300|4|volt~", Voltage="200").questions[0]
    assert (answered.answer, answered.origin) == ("200", "--set")


def test_a_default_of_another_type() -> None:
    [problem] = filled("~Voltage|high|4|volt~").problems
    assert problem.message == "line 4: the default 'high' for 'volt' is not a number: answer with --set 'volt=VALUE'"
    assert value("~Voltage|high|4|volt~", volt="300") == 300


@pytest.mark.parametrize("kind", ["", "7", "float"])
def test_an_unknown_type(kind: str) -> None:
    [problem] = filled(f"~Label|1|{kind}~").problems
    assert f"the placeholder 'Label' has the type {kind!r}; Scipion's types are 0 (text), 1 (true" in problem.message


def test_variables_of_an_installation_are_questions() -> None:
    placeholder = "~Folder|%(SCIPION_TESTS)s/movies|2|folder~"
    [problem] = filled(placeholder, True).problems
    assert "'folder' (Folder) asks for a path, and its default needs %(SCIPION_TESTS)s of a Scipion" in problem.message
    assert value(placeholder, True, folder="/data") == "/data"
    assert value(placeholder, True, SCIPION_TESTS="/tests") == "/tests/movies"
    [problem] = filled("%(HOME)s/x", True).problems
    assert "'HOME' asks for a path, and it has no default" in problem.message
    assert value("%(HOME)s/100%%", True, HOME="/home/a") == "/home/a/100%"


def test_the_same_name_twice_is_one_question() -> None:
    text = '[{"a": ~Box|64|3|box~, "b": "~Box|64|3|box~", "c": "~Box|x|0|other~"}]'
    result = fill(text, "t", {"box": "128"})
    assert json.loads(result.text) == [{"a": 128, "b": "128", "c": "x"}]
    assert [question.key for question in result.questions] == ["box", "other"]
    assert json.loads(fill(text, "t", {"Box": "3"}).text) == [{"a": 3, "b": "3", "c": "3"}]


def test_the_description_and_the_lines() -> None:
    result = filled("~Voltage||4|volt~")
    assert result.description == 'Title, "quoted". More [text].'
    assert result.text.count("\n", 0, result.text.index("null")) == 3
    assert [question.line for question in result.questions] == [4]


def test_other_tildes_stay() -> None:
    assert value("~/data, ~user", True) == "~/data, ~user"


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("a.json.template", "[]", True),
        ("a.json", '[{"a": "~L|1|4|n~"}]', True),
        ("a.json", '[{"a": "~/x", "b": "~/y|z"}]', False),
        ("a.json", '[{"a": "%(HOME)s 100%%"}]', False),
    ],
)
def test_what_is_a_template(name: str, text: str, wanted: bool) -> None:
    assert is_template(name, text) is wanted


def test_too_many_placeholders() -> None:
    result = fill("[{" + "~a|1|3~" * (MAX_PLACEHOLDERS + 1), "t", {})
    assert [problem.message for problem in result.problems] == ["it has more than 1,000 placeholders"]


@given(st.text(max_size=40), st.booleans())
def test_any_answer_comes_out_as_it_went_in(answer: str, quoted: bool) -> None:
    result = filled("~Label||0|name~", quoted, name=answer)
    if not answer.isprintable():
        assert result.problems
        return
    read = json.loads(result.text)[0]["v"]
    assert read == answer or (not quoted and json.loads(answer) == read)
