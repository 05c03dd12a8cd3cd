"""Operation of cloudify.nodes.scipion.Blueprint: the rendering, for portals on a manager."""

from __future__ import annotations

from typing import Any

from cloudify import ctx

from cloudify_scipion.blueprint.render import render
from cloudify_scipion.operations.boundary import check, inputs_document
from cloudify_scipion.project.documents import Document
from cloudify_scipion.resources import plugin_description


def create(**_: Any) -> None:
    """Render the node's project and site; the runtime property `files` maps file names to texts."""
    protocols = list(ctx.node.properties["workflow"])
    workflow = Document("workflow", protocols) if protocols else None
    loaded = check(inputs_document(ctx.node.properties["project"], "project"), workflow)
    files = render(loaded.project, loaded.site_document, plugin_description())
    ctx.instance.runtime_properties["files"] = {name: content.decode() for name, content in files.items()}
    ctx.instance.update()
