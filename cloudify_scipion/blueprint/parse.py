"""Asking Cloudify's own DSL parser whether a blueprint is well-formed."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cloudify_scipion.errors import PermanentError


def parse_blueprint(path: Path) -> Mapping[str, Any]:
    """The plan that Cloudify makes of a blueprint. Raises PermanentError with the parser's reason."""
    # Slow to import.
    from dsl_parser.exceptions import DSLParsingException
    from dsl_parser.parser import parse_from_path

    try:
        plan: Mapping[str, Any] = parse_from_path(str(path))
    except DSLParsingException as error:
        raise PermanentError(f"Cloudify cannot parse {path.name}: {error}") from error
    return plan


@contextmanager
def parsing_ahead() -> Iterator[Callable[[Path], None]]:
    """A parser in a process of its own, which imports Cloudify while the caller does other work; half a second saved.

    What it yields raises what `parse_blueprint` raises.
    """
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        pool.submit(_import_parser)
        yield lambda path: pool.submit(_parse, path).result()


def _import_parser() -> None:
    # The process makes many objects and ends soon: without garbage collection it is a tenth faster.
    gc.disable()
    import dsl_parser.parser  # noqa: F401


def _parse(path: Path) -> None:
    parse_blueprint(path)
