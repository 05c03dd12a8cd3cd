"""Workflow templates: text before the list, and `~label|default|type|name~` in place of values.

The types are Scipion's (pyworkflow 3.11.7, `config.VarTypes`); it also puts environment variables in place of
`%(NAME)s` and `%` in place of `%%` (`template.Template.replaceEnvVariables`). Here the variables are questions, too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cloudify_scipion.errors import Problem
from cloudify_scipion.project.importing.model import Question

KINDS = {
    "0": "text",
    "1": "true or false",
    "2": "a path",
    "3": "a whole number",
    "4": "a number",
    "5": "a file name",
    "6": "a folder",
}
"""Scipion's types of placeholders, in words."""
MAX_PLACEHOLDERS = 1000
_HOLE = re.compile(r"~(?P<field>[^~|\n]*\|[^~\n]*)~|%\((?P<variable>[A-Za-z_][A-Za-z0-9_]*)\)s|%%")
_VARIABLE = re.compile(r"%\(([A-Za-z_][A-Za-z0-9_]*)\)s")
_BEGIN = re.compile(r"\[\s*[{\]]")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}\Z")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?\Z")
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")


@dataclass
class Filled:
    """A template with its placeholders filled: JSON text, unless there are problems."""

    text: str = ""
    description: str = ""
    questions: list[Question] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def is_template(name: str, text: str) -> bool:
    """Whether a file is a template: by its name, or because it has a placeholder of a known type."""
    return name.endswith(".template") or bool(re.search(r"~[^~\n|]*\|[^~\n|]*\|[0-6](\|[^~\n]*)?~", text))


def fill(text: str, source: str, answers: Mapping[str, str]) -> Filled:
    """Fill a template's placeholders with answers (by name or label) or with the defaults.

    What has neither, and answers of another type than the placeholder's, are problems.
    """
    begin = _BEGIN.search(text)
    start = begin.start() if begin else 0
    filled = Filled(description=" ".join(text[:start].split()))
    # Empty lines in place of the description keep the line numbers of messages true.
    pieces, position, quoted = ["\n" * text.count("\n", 0, start)], start, False
    line = 1 + len(pieces[0])
    for count, hole in enumerate(_HOLE.finditer(text, start)):
        if count == MAX_PLACEHOLDERS:
            filled.problems.append(Problem(source, "$", f"it has more than {MAX_PLACEHOLDERS:,} placeholders"))
            break
        before = text[position : hole.start()]
        line += before.count("\n")
        quoted = _ends_inside_text(before, quoted)
        at = Question(source, line, "", "", "")
        pieces += [before, "%" if hole[0] == "%%" else _fill_one(filled, hole, at, answers, quoted)]
        position = hole.end()
    filled.text = "".join([*pieces, text[position:]])
    return filled


def _ends_inside_text(json_text: str, began_inside: bool) -> bool:
    """Whether JSON that began inside or outside a quoted text ends inside one."""
    quotes = [match for match in re.findall(r'\\.|"', json_text, re.DOTALL) if match == '"']
    return began_inside != (len(quotes) % 2 == 1)


def _fill_one(filled: Filled, hole: re.Match[str], at: Question, answers: Mapping[str, str], quoted: bool) -> str:
    """JSON text for one placeholder; the question goes to `filled`, once for each name."""
    question = _question(hole, at)
    given = [answers[key] for key in (question.name, question.label) if key and key in answers]
    default = _VARIABLE.sub(lambda match: answers.get(match[1], match[0]), question.default)
    answer = given[0] if given else default
    message, value = _missing(question, default), "null"
    if given or not message:
        message, value = _checked(question, answer, quoted, "" if given else "the default ")
    if message:
        filled.problems.append(Problem(at.source, "$", f"line {at.line}: {message}"))
    else:
        origin = "--set" if given else "default of the template"
        question = Question(**{**vars(question), "answer": answer, "origin": origin})
    if not any((known.name, known.label) == (question.name, question.label) for known in filled.questions):
        filled.questions.append(question)
    return value


def _question(hole: re.Match[str], at: Question) -> Question:
    if hole["variable"]:
        return Question(at.source, at.line, hole["variable"], hole["variable"], KINDS["2"])
    label, default, kind, name = [*(part.strip() for part in hole["field"].split("|")), "", "", ""][:4]
    return Question(at.source, at.line, label, name, KINDS.get(kind, kind), default)


def _missing(question: Question, default: str) -> str:
    """Why the default cannot be taken; empty if it can."""
    variable = _VARIABLE.search(default)
    if default and not variable:
        return ""
    why = f"its default needs {variable[0]} of a Scipion installation" if variable else "it has no default"
    label = f" ({question.label})" if question.label != question.key else ""
    return f"{question.key!r}{label} asks for {question.kind}, and {why}: {_how(question)}"


def _checked(question: Question, answer: str, quoted: bool, what: str) -> tuple[str, str]:
    """What is wrong with an answer, or nothing and its JSON text."""
    if question.kind not in KINDS.values():
        known = ", ".join(f"{number} ({kind})" for number, kind in KINDS.items())
        return f"the placeholder {question.key!r} has the type {question.kind!r}; Scipion's types are {known}", "null"
    value = json_text(question.kind, answer, quoted)
    if value is None:
        return f"{what}{answer!r} for {question.key!r} is not {question.kind}: {_how(question)}", "null"
    return "", value


def _how(question: Question) -> str:
    return f"answer with --set '{question.key}=VALUE'"


def json_text(kind: str, answer: str, quoted: bool) -> str | None:
    """An answer as JSON text, to stand inside a quoted text or on its own; None if it is not of its kind."""
    if any(not char.isprintable() for char in answer):  # control characters and lone surrogates
        return None
    if kind == "true or false":
        return {"true": "true", "1": "true", "false": "false", "0": "false"}.get(answer.lower())
    if kind == "a whole number":
        return str(int(answer)) if _WHOLE.match(answer) else None
    if kind == "a number":
        return _number(answer)
    if (kind != "text" and not answer) or (kind == "a file name" and "/" in answer):
        return None
    return _text(answer, quoted)


def _number(answer: str) -> str | None:
    if not _NUMBER.match(answer) or not math.isfinite(float(answer)):
        return None
    return answer if _JSON_NUMBER.match(answer) else repr(float(answer))


def _text(answer: str, quoted: bool) -> str:
    """Outside quotes, an answer that is a quoted text by itself stays as it is: Scipion puts it there unchanged."""
    written = json.dumps(answer, ensure_ascii=False)
    if quoted:
        return written[1:-1]
    try:
        return answer if answer.startswith('"') and isinstance(json.loads(answer), str) else written
    except ValueError:
        return written
