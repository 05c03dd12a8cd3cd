"""Documents to start from in tests."""

from __future__ import annotations

import base64
from typing import Any

_BLOB = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + bytes(range(32))
SSH_KEY = f"ssh-ed25519 {base64.b64encode(_BLOB).decode()} ada@example.org"


def small_project() -> dict[str, Any]:
    return {"id": "p", "title": "P", "software": {"scipion": "3.8.3"}, "volume": {"size_gb": 1}}


def full_project() -> dict[str, Any]:
    # fmt: off
    return {
        "id": "relion-2d",
        "title": "Größe ☃ of 'it'",
        "owner": {"name": "Ada", "email": "ada@example.org", "ssh_keys": [SSH_KEY]},
        "software": {
            "scipion": "3.8.3",
            "plugins": {"scipion-em-relion": "4.0.20"},
            "em_packages": {"relion": "3.1.3"},
            "example_data": {"demo-particles": "1"},
        },
        "workflow": {"protocols": small_workflow(), "run": True, "wait_minutes": 10},
        "volume": {"size_gb": 2, "at_end": "discard"},
        "time_limit": {"days": 7, "warning_days": 2, "grace_days": 10, "time_zone": "Europe/Madrid"},
        "facility": {"name": "Here", "microscope": "Krios", "camera": "K2", "session": "1"},
        "acquisition": {
            "voltage_kv": 300, "spherical_aberration_mm": 2.7, "pixel_size_angstrom": 0.3185, "frames": 38,
            "detector": {"width": 7676, "height": 7420}, "super_resolution": True, "movies": 97, "box_size": 384,
        },
        "data": {
            "project": {"source": "krios:p", "include": ["Runs/**"], "exclude": ["tmp/**"], "size_gb": 1.5},
            "datasets": [{"source": "krios:raw", "mount": "/data/raw", "size_gb": 800}],
        },
        "needs": {"cpus": 4, "ram_gb": 60, "gpus": 1},
        "secrets": {"onedata_token": "relion-2d.onedata"},
        "desktop": {"geometry": "1280x800"},
    }
    # fmt: on


def small_workflow() -> list[dict[str, Any]]:
    return [
        {"object.className": "ProtImportParticles", "object.id": "2", "object.label": "import"},
        {"object.className": "ProtRelionClassify2D", "object.id": "79", "inputParticles": "2.outputParticles"},
    ]


def site() -> dict[str, Any]:
    return {"name": "here", "provider": "local", "allow_discard": True, "data_spaces": {"krios": {}}}
