"""`cloudify-scipion cache`: the software layers kept for the next projects."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from cloudify_scipion.adapters.empty_state import remove_empty_state
from cloudify_scipion.adapters.state import state_root
from cloudify_scipion.cli.wiring import services
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.facts import LayerFacts
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.provider import Layers


@click.group("cache")
def cache_group() -> None:
    """List or remove cached software layers."""


@cache_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(as_json: bool) -> None:
    """List the software layers, oldest first."""
    layers = [layer for _, layer in _kept(services())]
    if as_json:
        click.echo(json.dumps([asdict(layer) for layer in layers], indent=1))
        return
    if not layers:
        click.echo("no software layer is kept", err=True)
    for layer in layers:
        contents = ", ".join(f"{name} {version}" for name, version in layer.contents.items())
        users = f"used by {', '.join(layer.used_by)}" if layer.used_by else "not in use"
        size, made = f"{layer.size_bytes / 1e9:5.2f} GB", layer.created_at[:16]
        click.echo(f"{layer.digest[:12]}  {size}  {made}  {users}  {contents}")


@cache_group.command("prune")
@click.argument("digest", required=False)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Remove base systems and downloads, too, and the state root if that leaves it empty.",
)
def prune_command(digest: str | None, everything: bool) -> None:
    """Remove the layers that no machine stands on, or the one whose digest begins with DIGEST."""
    if digest and everything:
        raise click.UsageError("give DIGEST or --all, not both")
    ports = services()
    if everything:
        for cache in _caches(ports):
            cache.clear()
        click.echo("removed all software layers, base systems and kept downloads")
        if remove_empty_state(ports, state_root()):
            click.echo(f"nothing else was left: removed {state_root()}")
        return
    wanted = [kept for kept in _kept(ports) if _is_wanted(kept[1], digest)]
    for cache, layer in wanted:
        cache.remove(layer.digest)
        click.echo(f"removed {layer.digest[:12]} ({layer.size_bytes / 1e9:.2f} GB)")
    if digest and not wanted:
        raise PermanentError(f"no layer's digest begins with {digest}", "cloudify-scipion cache list")
    if not wanted:
        click.echo("nothing to remove")


def _is_wanted(layer: LayerFacts, digest: str | None) -> bool:
    return layer.digest.startswith(digest) if digest else not layer.used_by


def _kept(ports: Services) -> list[tuple[Layers, LayerFacts]]:
    """All layers, each once, however many sites share a cache."""
    return list({layer.digest: (cache, layer) for cache in _caches(ports) for layer in cache.list()}.values())


def _caches(ports: Services) -> list[Layers]:
    return [ports.provider(site).layers for site in ports.sites()]
