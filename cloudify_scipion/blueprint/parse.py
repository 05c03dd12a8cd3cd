"""Asking Cloudify's own DSL parser whether a blueprint is well-formed."""

from __future__ import annotations

from collections.abc import Mapping
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
