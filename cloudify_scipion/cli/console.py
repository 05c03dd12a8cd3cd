"""What commands print: results on standard output, errors on standard error, or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import click

from cloudify_scipion.errors import InputError, Problem, ScipionError

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
"""The option `--json`; the command gets it as `as_json`."""


def say(text: str) -> None:
    """Print a line of a command's result; a line break in it would be a file author's, and could forge a line."""
    click.echo(_printable(text))


def say_json(value: Any) -> None:
    """Print a command's result for programs: one JSON object."""
    click.echo(json.dumps(value, indent=2))


def aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """The lines of a table, a little to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def fail(error: ScipionError) -> None:
    """Print an error for people; the problems of inputs grouped by file."""
    text = problems_text(error.problems) if isinstance(error, InputError) else f"error: {error}"
    click.echo("\n".join(map(_printable, text.split("\n"))), err=True)


@contextmanager
def errors_as_json(as_json: bool) -> Iterator[None]:
    """With `--json`, an error is printed for programs, on standard output; without, it goes on to `Commands`."""
    try:
        yield
    except ScipionError as error:
        if not as_json:
            raise
        say_json(error_document(error))
        raise SystemExit(error.exit_code) from error


def error_document(error: ScipionError) -> dict[str, Any]:
    """An error for programs; the keys are the same for all commands."""
    listed = [vars(problem) for problem in error.problems] if isinstance(error, InputError) else []
    return {"ok": False, "error": error.what, "next_step": error.next_step, "problems": listed}


def problems_text(problems: Iterable[Problem]) -> str:
    """Problems below the name of their file, and how many there are."""
    ordered = sorted(problems, key=lambda problem: problem.source)
    lines = []
    for source, group in groupby(ordered, key=lambda problem: problem.source):
        lines.append(_printable(source))
        lines += [_printable(f"  {problem.path}: {problem.message}") for problem in group]
    count = len(ordered)
    return "\n".join([*lines, f"{count} problem{'s' if count != 1 else ''}"])


def _printable(text: str) -> str:
    """Text without control characters and lone surrogates, which a file's author could have put into it."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
