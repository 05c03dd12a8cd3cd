"""What an interrupted `cfy install` leaves in the local profile's folder, and blocks its name with."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

PROFILE = ".cloudify/profiles/local"


def remove_half_made(deployment: str, work_folder: str) -> list[Path]:
    """Remove a blueprint folder that has no deployment; returns what was removed.

    Cloudify copies the blueprint first: killed, or refused for its inputs, before the deployment's folder is complete,
    it refuses the name from then on. A name that is no single folder's is left alone.
    Looked for under $CFY_WORKDIR, the folder of the last execution, and the home.
    """
    if deployment in ("", ".", "..") or "/" in deployment:
        return []
    places = dict.fromkeys(filter(None, (os.environ.get("CFY_WORKDIR"), work_folder, str(Path.home()))))
    return [path for place in places for path in _half_made(Path(place) / PROFILE, deployment) if _remove(path)]


def _half_made(profile: Path, deployment: str) -> list[Path]:
    blueprint, made = profile / "blueprints" / deployment, profile / "deployments" / deployment
    if _document(blueprint / "blueprint.json") and _is_whole(made):
        return []
    return [path for path in (blueprint, made) if path.is_dir()]


def _is_whole(made: Path) -> bool:
    """Whether every node instance of the plan has its file. What is in these is not looked at: it is written often."""
    plan = _document(made / "deployment.json").get("plan", {})
    instances = [instance["id"] for instance in plan.get("node_instances", ())]
    return bool(instances) and all((made / "node-instances" / f"{name}.json").is_file() for name in instances)


def _document(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file; empty when it is not there or was not written to its end."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _remove(path: Path) -> bool:
    shutil.rmtree(path)
    return True
