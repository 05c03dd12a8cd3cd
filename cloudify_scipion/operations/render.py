"""Operation of cloudify.nodes.scipion.Blueprint: the rendering, for portals on a manager."""

from __future__ import annotations

from typing import Any

from cloudify import ctx

from cloudify_scipion.blueprint.render import render
from cloudify_scipion.operations.boundary import checked_documents
from cloudify_scipion.project.model import project_from_document
from cloudify_scipion.resources import plugin_description


def create(**_: Any) -> None:
    """Render the node's project and site; the runtime property `files` maps file names to texts."""
    document, site = checked_documents(ctx.node.properties["project"], ctx.node.properties["site"])
    project = project_from_document(document, list(ctx.node.properties["workflow"]))
    files = render(project, site, plugin_description())
    ctx.instance.runtime_properties["files"] = {name: content.decode() for name, content in files.items()}
    ctx.instance.update()
