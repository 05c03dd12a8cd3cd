"""What node instances remember of what their deployment has made, for when its record is not found."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cloudify import ctx

from cloudify_scipion.lifecycle.made import MADE, Made, made_from


def publish(**values: Any) -> None:
    """Show values as the node instance's runtime properties: public, never secret."""
    ctx.instance.runtime_properties.update(values)
    ctx.instance.update()


def remember_made(made: Made) -> None:
    """Keep it in the node instance, before anything is made."""
    if ctx.instance.runtime_properties.get(MADE) != asdict(made):
        publish(**{MADE: asdict(made)})


def forget_made() -> None:
    """What the node instance stands for is gone."""
    if MADE in ctx.instance.runtime_properties:
        del ctx.instance.runtime_properties[MADE]
        ctx.instance.update()


def remembered() -> Made | None:
    """What this node, or the nearest that it stands on, remembers to have made; None if nothing ever was."""
    seen: set[str] = set()
    waiting = [ctx.instance]
    while waiting:
        instance = waiting.pop(0)
        if instance.id in seen:
            continue
        seen.add(instance.id)
        if MADE in instance.runtime_properties:
            return made_from(instance.runtime_properties[MADE])
        waiting += [relationship.target.instance for relationship in instance.relationships]
    return None
