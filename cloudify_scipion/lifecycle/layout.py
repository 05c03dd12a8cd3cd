"""Paths and names on the machine and on its volume, in one place. Puppet's modules make what has these names."""

from __future__ import annotations

USER, AGENT = 2000, 2001
"""uid and gid, on every machine, of the project's user and of the agent that saves the data."""
MARK, USER_FOLDER, AGENT_FOLDER = "volume.json", "user", "agent"
"""What lies on every volume: the file by which it is known for the right one, the working copy, the agent's state."""
SEAL = "seal.json"
"""In the agent's folder: the proof that the data space holds all that the volume holds."""
TARGET, WHOLE = "/home/scipion/ScipionUserData", "/srv/scipion-volume"
"""The working copy, where the user has it, and the whole volume, which the agent sees."""
SPACES = "/srv/scipion-space"
PROJECT, VERIFY = f"{SPACES}/project", f"{SPACES}/verify"
"""The project's folder of the data space, and a second way to it, which is only read."""

RUN_FOLDER = "/run/cloudify-scipion"
"""What a Puppet run, or making the Scipion project, needs for a moment."""
DOWNLOADS = "/var/cache/cloudify-scipion"
"""What the machine downloads while its software is installed."""
FETCHING = "/usr/local/lib/cloudify-scipion"
"""Where the software run puts the program that asks mirrors and gives up those that hang."""

SCIPION, WORKFLOW_TOOL = "/opt/scipion/bin/scipion", "/opt/scipion/bin/scipion-workflow"
SCIPION_VENV = "/opt/scipion/venv"
"""Scipion's own virtual environment."""

AGENT_COMMAND = "/usr/local/bin/scipion-data"
SAVING_UNITS = ("scipion-data-push.timer", "scipion-data-scan.timer", "scipion-data-requests.path")
"""What starts the agent by itself, and when the user asks for it."""
QUIESCE = "/usr/local/sbin/scipion-data-quiesce"
REOPEN_TIMER = "scipion-data-reopen.timer"
"""It runs `scipion-data-reopen` ten minutes after it was started, and again while a work goes on."""
REOPEN_UNITS = "/run/scipion-data-reopen/units"
"""What the machine starts again by itself then, one name a line."""

DESKTOP_LINK = "/usr/local/sbin/cloudify-desktop-link"
DESKTOP_TLS = "/etc/cloudify-desktop/tls"
DESKTOP_UNITS = ("cloudify-desktop-vnc", "cloudify-desktop-session", "cloudify-desktop-gateway")
DESKTOP_HELPER = "cloudify-desktop-helper"
"""It comes and goes with the session."""
