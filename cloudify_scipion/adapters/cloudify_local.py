"""What an interrupted `cfy install` leaves in the local profile's folder, and blocks its name with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

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
    if (made / "deployment.json").is_file() and (blueprint / "blueprint.json").is_file():
        return []
    return [path for path in (blueprint, made) if path.is_dir()]


def _remove(path: Path) -> bool:
    shutil.rmtree(path)
    return True
